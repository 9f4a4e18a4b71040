"""Where DAGs say as whom, and with which powers, they run: literal tables.

Names are those of arguments and of API fields, in snake case; fields in camel case are looked up in snake case too.
Source: operators, sensors and transfers of apache-airflow-providers-google 22.8.0 and -cncf-kubernetes 10.25.0; field
names of the google-cloud-* clients; the pod API of Kubernetes.
"""

from __future__ import annotations

import functools
import re

from dagwarden.validate.model import FactKind

KINDS: dict[str, FactKind] = {
    "conn_id": FactKind.CONNECTION,
    "impersonation_chain": FactKind.IMPERSONATION,
    "impersonate_service_account": FactKind.IMPERSONATION,
    "target_principal": FactKind.IMPERSONATION,
    "delegate_to": FactKind.DELEGATE,
    "delegates": FactKind.DELEGATE,
    "service_account": FactKind.SERVICE_ACCOUNT,
    "service_accounts": FactKind.SERVICE_ACCOUNT,
    "service_account_email": FactKind.SERVICE_ACCOUNT,
    "service_account_id": FactKind.SERVICE_ACCOUNT,
    "worker_service_account": FactKind.SERVICE_ACCOUNT,
    "workload_service_account": FactKind.SERVICE_ACCOUNT,
    "dataproc_service_account": FactKind.SERVICE_ACCOUNT,
    "dataform_service_account": FactKind.SERVICE_ACCOUNT,
    "service_account_name": FactKind.KUBERNETES_SERVICE_ACCOUNT,
    "namespace": FactKind.NAMESPACE,
    "image": FactKind.IMAGE,
    "image_uri": FactKind.IMAGE,
    "container_uri": FactKind.IMAGE,
    "container_image": FactKind.IMAGE,
    "master_image_uri": FactKind.IMAGE,
    "worker_image_uri": FactKind.IMAGE,
    "sdk_container_image": FactKind.IMAGE,
    "serving_container_image_uri": FactKind.IMAGE,
    "pod_template_file": FactKind.POD_TEMPLATE,
    "application_file": FactKind.POD_TEMPLATE,
    "pod_override": FactKind.POD_TEMPLATE,
    "full_pod_spec": FactKind.POD_TEMPLATE,
    "pod_template_dict": FactKind.POD_TEMPLATE,
    "secret_name": FactKind.SECRET,
    "kms_key_name": FactKind.ENCRYPTION_KEY,
    "kms_key": FactKind.ENCRYPTION_KEY,
    "encryption_key": FactKind.ENCRYPTION_KEY,
    "encryption_spec_key_name": FactKind.ENCRYPTION_KEY,
    "gce_pd_kms_key_name": FactKind.ENCRYPTION_KEY,
    "expand_kwargs": FactKind.ARGUMENTS,
}

SUFFIXES: tuple[tuple[str, FactKind], ...] = (
    ("_conn_id", FactKind.CONNECTION),
    ("_impersonation_chain", FactKind.IMPERSONATION),
    ("_service_account_email", FactKind.SERVICE_ACCOUNT),
    ("_encryption_spec_key_name", FactKind.ENCRYPTION_KEY),
    ("_container_image_uri", FactKind.IMAGE),
    ("kube_image", FactKind.IMAGE),
)
"""For names that the table above does not have, such as `google_cloud_storage_conn_id`."""

POWERS = frozenset(
    {
        "privileged",
        "hostnetwork",
        "host_network",
        "host_pid",
        "host_ipc",
        "host_path",
        "automount_service_account_token",
        "allow_privilege_escalation",
        "run_as_root",
        "cluster_context",
        "config_file",
    }
)
"""Settings of pods; told where they are set to anything but false, empty or absent."""

TOLD_WHEN_FALSE = frozenset({"in_cluster", "run_as_non_root"})
"""Those that matter the other way round."""
POD_USERS = frozenset({"run_as_user", "run_as_group", "fs_group"})
"""Numeric users of a pod; `run_as_user` of an operator itself is a user of the operating system."""

ENVIRONMENTS = frozenset({"env_vars", "env"})
"""Dictionaries or lists of environment variables: names are told, values are not."""
SECRET_REFERENCES = frozenset(
    {"secret_key_ref", "secret_ref", "image_pull_secrets", "secrets", "env_from"}
    | {"configmaps", "config_map_ref", "config_map_key_ref"}
)
"""Fields whose `name`, or `secret`, is that of a Kubernetes secret, or of a map that variables come from."""
NAMES_INSIDE: dict[FactKind, tuple[str, ...]] = {
    FactKind.SERVICE_ACCOUNT: ("email", "service_account_email"),
    FactKind.IMAGE: ("image_uri", "name"),
}
"""Where a field of the kind holds a dictionary: what in it is the value."""

PASSED_ON = frozenset({"op_kwargs", "op_args", "params", "conf", "templates_dict"})
"""Arguments of the file's own functions and DAGs: their names mean what the file wants them to."""

_EMAIL = r"[a-z0-9][a-z0-9.-]*@(?:[a-z0-9-]+\.)+gserviceaccount\.com"
SERVICE_ACCOUNT_EMAIL = re.compile(_EMAIL, re.IGNORECASE)
"""E-mails of service accounts, the default ones and service agents included."""

TEMPLATE = re.compile(r"\{\{|\{%")

Places = tuple[tuple[str, tuple[str, ...]], ...]

BODIES: dict[str, Places] = {
    "DataprocCreateClusterOperator": (("cluster_config", ("gce_cluster_config.service_account",)),),
    "DataprocCreateBatchOperator": (("batch", ("environment_config.execution_config.service_account",)),),
    "DataprocInstantiateInlineWorkflowTemplateOperator": (
        ("template", ("placement.managed_cluster.config.gce_cluster_config.service_account",)),
    ),
    "DataprocCreateWorkflowTemplateOperator": (
        ("template", ("placement.managed_cluster.config.gce_cluster_config.service_account",)),
    ),
    "DataflowTemplatedJobStartOperator": (
        ("environment", ("service_account_email",)),
        ("options", ("service_account_email",)),
    ),
    "DataflowStartFlexTemplateOperator": (("body", ("launch_parameter.environment.service_account_email",)),),
    "CloudRunCreateJobOperator": (("job", ("template.template.service_account",)),),
    "CloudRunUpdateJobOperator": (("job", ("template.template.service_account",)),),
    "CloudRunCreateServiceOperator": (("service", ("template.service_account",)),),
    "CloudFunctionDeployFunctionOperator": (("body", ("service_account_email",)),),
    "CloudBatchSubmitJobOperator": (("job", ("allocation_policy.service_account.email",)),),
    "CloudBuildCreateBuildOperator": (("build", ("service_account",)),),
    "ComputeEngineInsertInstanceOperator": (("body", ("service_accounts.email",)),),
    "ComputeEngineInsertInstanceTemplateOperator": (("body", ("properties.service_accounts.email",)),),
    "GKECreateClusterOperator": (("body", ("node_config.service_account", "node_pools.config.service_account")),),
    "CloudComposerCreateEnvironmentOperator": (("environment", ("config.node_config.service_account",)),),
    "CloudDataFusionCreateInstanceOperator": (("instance", ("dataproc_service_account",)),),
    "BigQueryCreateDataTransferOperator": (("transfer_config", ("service_account_name",)),),
}
"""Operators, by unqualified name, that create something which runs as a service account named inside an argument: the
arguments, and the places in them. Where nothing stands at any of them, the service's default account runs it, but a
cluster of `virtual_cluster_config` has none of its own."""


@functools.lru_cache(maxsize=4096)
def find_kind(name: str) -> FactKind | None:
    """What an argument or field of this snake-case name decides."""
    found = KINDS.get(name)
    if found is None:
        return next((kind for suffix, kind in SUFFIXES if name.endswith(suffix)), None)
    return found


@functools.lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """A field's name as the tables have it.

    >>> snake_case("serviceAccountEmail"), snake_case("_image"), snake_case("hostIPC")
    ('service_account_email', 'image', 'host_ipc')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
