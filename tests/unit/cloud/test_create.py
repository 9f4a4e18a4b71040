"""Creating an object whose name is taken, by an identity that may create and not delete."""

from __future__ import annotations

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.errors import AccessDenied
from localcloud.testing import RunningCloud


def test_taken_name_is_told_from_a_missing_permission(cloud: Cloud, cloud_server: RunningCloud) -> None:
    first = cloud.store.create("a", b"1", attempt="one", content_type="text/plain")
    cloud_server.admin.plan("storage", "fail", method="objects.insert", status=403, times=2)
    second = cloud.store.create("a", b"1", attempt="two", content_type="text/plain")
    assert (first.is_ours, second.is_ours) == (True, False)
    assert second.info == first.info
    with pytest.raises(AccessDenied):
        cloud.store.create("b", b"1", attempt="three", content_type="text/plain")
