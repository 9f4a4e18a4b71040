"""What bodies say, and do not, of who reaches what they create and as whom it runs: pure, without an operator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.validate.identity import find_facts
from dagwarden.validate.identity_table import BODIES
from dagwarden.validate.model import FactKind, Known
from dagwarden.validate.plain import Argument, Opaque, Plain
from dagwarden.validate.reach import OPEN_ARGUMENTS, OPEN_BODIES, OPENS, REACH_FIELDS, find_openings

GKE, BATCH = "GKECreateClusterOperator", "CloudBatchSubmitJobOperator"
PRIVATE_NODES = {"private_cluster_config": {"enable_private_nodes": True}}


def known_of(kind: FactKind, operator: str, name: str, value: Plain) -> list[Known]:
    """How each fact of a kind came about that one argument of an operator makes."""
    facts, _ = find_facts([Argument(name=name, value=value, known=Known.LITERAL)], [f"x.y.{operator}"])
    return [fact.known for fact in facts if fact.kind is kind]


def write_body(path: str, value: Any) -> Any:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


PLACES = [
    (kind, operator, argument, path)
    for kind, bodies in ((FactKind.PUBLIC_ADDRESS, OPEN_BODIES), (FactKind.SERVICE_ACCOUNT, BODIES))
    for operator, places in bodies.items()
    for argument, paths in places
    for path in paths
]


@pytest.mark.parametrize(("kind", "operator", "argument", "path"), PLACES)
def test_every_place_is_told_where_it_says_nothing(kind: FactKind, operator: str, argument: str, path: str) -> None:
    assert known_of(kind, operator, argument, {}) == [Known.ABSENT]
    assert known_of(kind, operator, argument, write_body(path, None)) == [Known.ABSENT]
    assert known_of(kind, "OtherOperator", argument, {}) == []
    assert Known.ABSENT not in known_of(kind, operator, argument, write_body(path, "INGRESS_TRAFFIC_INTERNAL_ONLY"))
    assert Known.TEMPLATED in known_of(kind, operator, argument, "{{ params.body }}")
    assert Known.TEMPLATED in known_of(kind, operator, argument, write_body(path, Opaque(Known.TEMPLATED)))


@pytest.mark.parametrize(
    ("operator", "body", "expected"),
    [
        (GKE, PRIVATE_NODES, []),
        (GKE, {**PRIVATE_NODES, "node_pools": [{"name": "a"}]}, []),
        (GKE, {"node_pools": [{"network_config": {"enable_private_nodes": True}}]}, []),
        (GKE, {"node_pools": [{"network_config": {"enable_private_nodes": True}}, {"name": "b"}]}, [Known.ABSENT]),
        (GKE, {"private_cluster_config": {"enable_private_nodes": "false"}}, [Known.LITERAL]),
        (GKE, {**PRIVATE_NODES, "nodePools": [{"networkConfig": {"enablePrivateNodes": False}}]}, [Known.LITERAL]),
    ],
)
def test_one_of_several_that_says_nothing_is_enough(operator: str, body: Plain, expected: list[Known]) -> None:
    assert known_of(FactKind.PUBLIC_ADDRESS, operator, "body", body) == expected


@pytest.mark.parametrize(("second", "expected"), [({"no_external_ip_address": True}, []), ({}, [Known.ABSENT])])
def test_each_interface_of_a_job_says_that_it_is_private(second: Plain, expected: list[Known]) -> None:
    job: Plain = {
        "allocation_policy": {"network": {"network_interfaces": [{"no_external_ip_address": True}, second]}}
    }  # fmt: skip
    assert known_of(FactKind.PUBLIC_ADDRESS, BATCH, "job", job) == expected


def test_one_of_several_node_pools_without_an_account_runs_as_the_default_one() -> None:
    pools: list[Plain] = [{"config": {"service_account": "a@b"}}, {"config": {}}]
    assert Known.ABSENT in known_of(FactKind.SERVICE_ACCOUNT, GKE, "body", {"node_pools": pools})
    assert known_of(FactKind.SERVICE_ACCOUNT, GKE, "body", {"node_pools": pools[:1]}) == [Known.LITERAL]


@pytest.mark.parametrize("operator", OPEN_ARGUMENTS)
@pytest.mark.parametrize(("value", "expected"), [("ours", []), ("", [Known.ABSENT]), (None, [Known.ABSENT])])
def test_an_argument_that_names_no_network_is_told(operator: str, value: Plain, expected: list[Known]) -> None:
    assert known_of(FactKind.PUBLIC_ADDRESS, operator, OPEN_ARGUMENTS[operator], value) == expected


@pytest.mark.parametrize(
    ("name", "value", "is_open"),
    [
        ("ip_configuration", "WORKER_IP_UNSPECIFIED", True),
        ("ip_configuration", 1, True),
        ("ip_configuration", "WORKER_IP_PRIVATE", False),
        ("ip_configuration", {"ipv4_enabled": True}, False),
        ("ingress", " ingress_traffic_all ", True),
        ("ingress", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", False),
        ("ingress_settings", 0, True),
        ("use_public_ips", True, True),
        ("use_public_ips", "FALSE", False),
        ("internal_ip_only", 0, True),
        ("internal_ip_only", None, False),
        ("access_configs", [{}], True),
        ("access_configs", [], False),
        ("authorized_networks", [{"value": "0.0.0.0/0", "name": "all"}], True),
        ("authorized_networks", [{"value": "8.0.0.0/7"}], True),
        ("authorized_networks", [{"value": "10.0.0.0/8"}, {"value": "not a network"}], False),
        ("cidr_blocks", [{"cidr_block": "::/0"}], True),
        ("source_ranges", ["2001:db8::/32"], False),
        ("source_ranges", ["1.2.3.4/0"], True),
    ],
)
def test_settings_that_open_are_told_from_those_that_do_not(name: str, value: Plain, is_open: bool) -> None:
    assert bool(list(find_openings(name, value))) is is_open


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Opaque(Known.UNREADABLE)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(REACH_FIELDS)), value=ANYTHING)
def test_any_value_is_open_or_not(name: str, value: Plain) -> None:
    for found in find_openings(name, value):
        assert isinstance(found, bool | int | str | Opaque)


def test_every_field_has_a_value_that_opens_and_one_that_does_not() -> None:
    for name, values in OPENS.items():
        assert all(list(find_openings(name, value)) for value in values)
        assert not list(find_openings(name, "private"))
