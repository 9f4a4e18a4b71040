"""From where what a task creates is reached: settings that open it, and those without which the service does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from dagwarden.validate.identity_table import Places
from dagwarden.validate.plain import Opaque, Plain

_YES, _NO = frozenset({"true", "1"}), frozenset({"false", "0"})
WIDEST = {4: 8, 6: 16}
"""Bits of the widest network that anybody is given; what is wider is open to strangers. Source: IANA's registries."""

OPENS: dict[str, frozenset[str]] = {
    "use_public_ips": _YES,
    "ipv4_enabled": _YES,
    "enable_public_ip": _YES,
    "internal_ip_only": _NO,
    "no_use_public_ips": _NO,
    "no_external_ip_address": _NO,
    "no_public_ip": _NO,
    "disable_public_ip": _NO,
    "enable_private_nodes": _NO,
    "default_enable_private_nodes": _NO,
    "enable_private_endpoint": _NO,
    "enable_private_environment": _NO,
    "private_instance": _NO,
    "ip_configuration": frozenset({"worker_ip_public", "1", "worker_ip_unspecified", "0", ""}),
    "ingress": frozenset({"ingress_traffic_all", "all", "1", "ingress_traffic_unspecified", "0", ""}),
    "ingress_settings": frozenset({"allow_all", "1", "ingress_settings_unspecified", "0", ""}),
}
"""Field -> its values, in small letters, by which the thing has a public address or lets everybody connect.

Source: field names of the google-cloud-* clients; REST references of Compute Engine, Cloud SQL and Dataflow."""

GIVES_ADDRESSES = frozenset({"access_configs", "ipv6_access_configs"})
"""Lists of a machine's interface, each entry of which is a public address. Source: Compute Engine, instances.insert."""
LETS_IN = frozenset(
    {"authorized_networks", "authorized_external_networks", "cidr_blocks", "allowed_ip_ranges", "source_ranges"}
)
"""Lists of networks that may connect."""
REACH_FIELDS = frozenset(OPENS) | GIVES_ADDRESSES | LETS_IN

OPEN_BODIES: dict[str, Places] = {
    "DataprocCreateClusterOperator": (("cluster_config", ("gce_cluster_config.internal_ip_only",)),),
    "DataprocInstantiateInlineWorkflowTemplateOperator": (
        ("template", ("placement.managed_cluster.config.gce_cluster_config.internal_ip_only",)),
    ),
    "DataprocCreateWorkflowTemplateOperator": (
        ("template", ("placement.managed_cluster.config.gce_cluster_config.internal_ip_only",)),
    ),
    "DataflowTemplatedJobStartOperator": (("environment", ("ip_configuration",)),),
    "DataflowStartFlexTemplateOperator": (("body", ("launch_parameter.environment.ip_configuration",)),),
    "CloudRunCreateServiceOperator": (("service", ("ingress",)),),
    "CloudFunctionDeployFunctionOperator": (("body", ("ingress_settings", "service_config.ingress_settings")),),
    "CloudBatchSubmitJobOperator": (("job", ("allocation_policy.network.network_interfaces.no_external_ip_address",)),),
    "CloudSQLCreateInstanceOperator": (("body", ("settings.ip_configuration.ipv4_enabled",)),),
    "GKECreateClusterOperator": (
        (
            "body",
            (
                "private_cluster_config.enable_private_nodes",
                "network_config.default_enable_private_nodes",
                "node_pools.network_config.enable_private_nodes",
            ),
        ),
    ),
    "CloudComposerCreateEnvironmentOperator": (
        ("environment", ("config.private_environment_config.enable_private_environment",)),
    ),
    "CloudDataFusionCreateInstanceOperator": (("instance", ("private_instance",)),),
    "CreateCustomJobOperator": (("custom_job", ("job_spec.network", "job_spec.psc_interface_config")),),
}
"""Operators, by unqualified name, that create something whose service gives it a public address, or lets everybody
connect, unless one of these places inside an argument says otherwise."""

OPEN_ARGUMENTS: dict[str, str] = {
    "CustomTrainingJobBaseOperator": "network",
    "CreateHyperparameterTuningJobOperator": "network",
    "RunPipelineJobOperator": "network",
    "CreateRayClusterOperator": "network",
}
"""Operators whose machines are in a network of Google's, with the internet, unless this argument names another."""


NETWORKS = frozenset(OPEN_ARGUMENTS.values())


def find_openings(name: str, value: Plain) -> Iterator[Plain]:
    """What in a field's value opens the thing: the value, an open network, or a mark where that cannot be known.

    Args:
        name: of the field, in snake case.
    """
    if isinstance(value, Opaque):
        yield value
    elif name in OPENS:
        if isinstance(value, bool | int | str) and str(value).strip().lower() in OPENS[name]:
            yield value
    elif name in GIVES_ADDRESSES:
        if value:
            yield True
    else:
        yield from _find_networks(value)


def _find_networks(value: Plain) -> Iterator[Plain]:
    """Networks wider than anybody's own, however deep; and what cannot be known."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _find_networks(each)
    elif isinstance(value, Opaque) or (isinstance(value, str) and _is_open(value)):
        yield value


def _is_open(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen < WIDEST[network.version]
