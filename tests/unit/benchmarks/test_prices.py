"""What calls cost."""

from __future__ import annotations

import pytest
from tests.benchmarks.prices import PRICES, Usage, classify, cost_usd, use_storage


def test_an_unknown_method_has_no_price() -> None:
    with pytest.raises(ValueError, match="conjure"):
        classify("objects.conjure")


def test_methods_are_billed_by_their_class() -> None:
    assert use_storage({"objects.insert": 2, "objects.list": 1, "objects.download": 5, "objects.delete": 9}) == Usage(
        class_a=3, class_b=5
    )


def test_a_thousand_of_each_cost_their_list_price() -> None:
    costs = cost_usd(Usage(class_a=1000, class_b=1000, pubsub_bytes=2**40, log_bytes=2**30, invocations=1_000_000))
    assert costs == pytest.approx({"storage": 0.0054, "pubsub": 40.0, "logging": 0.5, "functions": 0.4})


def test_every_price_names_its_source() -> None:
    assert all(price.source.startswith("cloud.google.com/") for price in PRICES.values())
