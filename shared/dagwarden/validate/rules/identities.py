"""Rules on as whom, and with which powers, tasks run; what is allowed to whom is the policy's to say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from dagwarden.lint.finding import Severity
from dagwarden.validate.model import GIVEN, DagModel, FactKind, IdentityFact, Known, TaskModel
from dagwarden.validate.rules.rule import DagRule, Told, make_page, name_some, share_page

DEFAULT_SERVICE_ACCOUNT = share_page(
    "DW501", "default-service-account", Severity.WARNING, "Name a service account made for this workload."
)  # fmt: skip
TEMPLATED_IDENTITY = share_page(
    "DW502", "templated-identity", Severity.INFO,
    "Write the account or connection down, so that policy can judge it before it is released.",
)  # fmt: skip
PRIVILEGED_POD = share_page(
    "DW412", "privileged-pod", Severity.WARNING,
    "Leave it out; give the pod the volume, port or capability it needs instead.",
)  # fmt: skip
LATEST_IMAGE = share_page(
    "DW405", "latest-image", Severity.WARNING, "Name a fixed tag, or better a digest (`image@sha256:…`)."
)  # fmt: skip
HARD_CODED_SECRET = share_page(
    "DW401", "hard-coded-secret", Severity.ERROR,
    "Keep it in Secret Manager, an Airflow connection or a Kubernetes Secret and name it here; then revoke this one.",
)  # fmt: skip
"""Decided on what the model does not hold: see `secrets`."""
ENVIRONMENT_IDENTITY = make_page(
    "DW520", "environment-identity", "identity", Severity.INFO,
    "Finds Google operators with neither a connection of their own nor an `impersonation_chain`.",
    "They act as the environment's service account, which may do whatever any DAG of the environment needs.",
    "Give the DAG `default_args` with an `impersonation_chain`, or a connection that has one.",
)  # fmt: skip
BODY_WITHOUT_SERVICE_ACCOUNT = make_page(
    "DW521", "body-without-service-account", "identity", Severity.WARNING,
    "Finds clusters, jobs, services and machines that are created without naming a service account.",
    "They run as the project's default account, often with the Editor role.",
    "Name a service account made for the workload at the place that the message gives.",
)  # fmt: skip
POD_WITHOUT_SERVICE_ACCOUNT = make_page(
    "DW522", "pod-without-service-account", "identity", Severity.INFO,
    "Finds pods that are started without naming a Kubernetes service account.",
    "They run as the namespace's default one, which all of its pods share.",
    "Name one made for the workload.",
)  # fmt: skip
POD_OVERRIDE_IDENTITY = make_page(
    "DW523", "pod-override-identity", "identity", Severity.WARNING,
    "Finds an `executor_config` that gives the worker's own pod another service account.",
    "The task then runs as that account, whatever its operator's arguments say.",
    "Name the account in the operator's arguments, where it is seen.",
)  # fmt: skip
IDENTITY_UNREADABLE = make_page(
    "DW524", "identity-unreadable", "identity", Severity.WARNING,
    "Finds arguments that decide as whom a task runs and that cannot be read without running the file's code.",
    "What cannot be read cannot be judged.",
    "Pass a text, a dictionary or the library's own object.",
)  # fmt: skip
OBJECT_LIES = make_page(
    "DW525", "object-lies", "identity", Severity.ERROR,
    "Finds classes of DAGs and operators that show other attributes than they have (`__getattribute__`, `__class__`, "
    "`__dict__`).",
    "What policy reads of such an object need not be what runs.",
    "Do without; operators and DAGs need none of these.",
)  # fmt: skip
GRANTS_ACCESS = make_page(
    "DW526", "grants-access", "identity", Severity.WARNING,
    "Finds operators that change who has access to a bucket or an object.",
    "Access that a DAG grants is in nobody's infrastructure code, and stays when the DAG is gone.",
    "Grant it where the bucket is defined, e.g. in Terraform.",
)  # fmt: skip

TASKS_UNREADABLE = make_page(
    "DW527", "tasks-unreadable", "identity", Severity.ERROR,
    "Finds DAGs whose id or tasks cannot be read without running the file's code.",
    "What such a DAG runs, and as whom, cannot be judged.",
    "Give the DAG its tasks as Airflow's operators, by a `with` block or `dag=`.",
)  # fmt: skip

PUBLIC_ADDRESS = make_page(
    "DW528", "public-address", "identity", Severity.INFO,
    "Finds clusters, jobs, services, databases and machines that are created with a public address, reachable from "
    "everywhere, or in no network of one's own.",
    "What strangers can reach they can try out; and what can reach the internet can carry data there.",
    "Say that it is private, at the place that the message gives.",
)  # fmt: skip

SHARED_ACCOUNT = re.compile(r"\d+-compute@developer\.gserviceaccount\.com|[a-z0-9-]+@appspot\.gserviceaccount\.com")
"""The default accounts of Compute Engine and App Engine. Source: CKV_GCP_30, CKV_GCP_46."""
DEFAULT_CONNECTION = "google_cloud_default"
GRANTING = (
    "GCSBucketAddIamBindingOperator",
    "GCSBucketCreateAclEntryOperator",
    "GCSObjectCreateAclEntryOperator",
)
_HOST = re.compile(r"(?i)(privileged|host_?network|host_?pid|host_?ipc|host_?path|allow_?privilege_?escalation)$")
_UNPINNED = re.compile(r"(?!.*://|(.*/)?projects/)([^@]*:latest|([^/@]+/)*[^/:@]+)")
"""Names of container images; those of machines' disks are paths of a project."""
_ACTS = frozenset(
    {
        FactKind.CONNECTION,
        FactKind.IMPERSONATION,
        FactKind.DELEGATE,
        FactKind.SERVICE_ACCOUNT,
        FactKind.KUBERNETES_SERVICE_ACCOUNT,
        FactKind.ARGUMENTS,
    }
)
_ACCOUNTS = frozenset({FactKind.IMPERSONATION, FactKind.DELEGATE, FactKind.SERVICE_ACCOUNT, FactKind.MENTION})


def _tell_facts(
    say: str, is_faulty: Callable[[TaskModel, IdentityFact], bool], *, named: bool = False
) -> Callable[[DagModel], Iterator[Told]]:
    """One thing said of a DAG for each argument that is at fault, with the tasks it is given to."""

    def check(dag: DagModel) -> Iterator[Told]:
        found: dict[tuple[str, str], list[TaskModel]] = {}
        for task in dag.tasks:
            for fact in task.facts:
                if is_faulty(task, fact):
                    found.setdefault((fact.argument, fact.value if named else ""), []).append(task)
        for (argument, value), tasks in found.items():
            names = name_some(list(dict.fromkeys(task.task_id for task in tasks)))
            what = f" `{value}`" if value else ""
            yield Told(f"{say}{what}: `{argument}` of {names} in `{dag.dag_id}`", tasks[0].line)

    return check


def _is_default_account(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind in _ACCOUNTS and SHARED_ACCOUNT.fullmatch(fact.value) is not None


def _is_templated(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind in _ACTS and fact.known is Known.TEMPLATED


def _is_unreadable(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind in _ACTS | {FactKind.POD_TEMPLATE} and fact.known is Known.UNREADABLE


def _reaches_host(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind is FactKind.KUBERNETES_SETTING and _HOST.search(fact.argument) is not None


def _is_unpinned(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind is FactKind.IMAGE and fact.known in GIVEN and _UNPINNED.fullmatch(fact.value) is not None


def _lacks_account(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind is FactKind.SERVICE_ACCOUNT and fact.known is Known.ABSENT and "." in fact.argument


def _is_reached(_: TaskModel, fact: IdentityFact) -> bool:
    return fact.kind is FactKind.PUBLIC_ADDRESS


def _lacks_kubernetes_account(task: TaskModel, fact: IdentityFact) -> bool:
    if fact.kind is not FactKind.KUBERNETES_SERVICE_ACCOUNT or fact.known is not Known.ABSENT:
        return False
    others = [each for each in task.facts if each.kind in {fact.kind, FactKind.POD_TEMPLATE} and each is not fact]
    return not any(each.known is not Known.ABSENT for each in others)


def _overrides_account(_: TaskModel, fact: IdentityFact) -> bool:
    is_account = fact.kind in {FactKind.KUBERNETES_SERVICE_ACCOUNT, FactKind.SERVICE_ACCOUNT}
    return is_account and fact.argument.startswith("executor_config.") and fact.known is not Known.ABSENT


def _is_environments(task: TaskModel, fact: IdentityFact) -> bool:
    is_default = fact.kind is FactKind.CONNECTION and fact.value == DEFAULT_CONNECTION and fact.known is Known.DEFAULT
    acting = [each.known for each in task.facts if each.kind is FactKind.IMPERSONATION]
    return is_default and all(known is Known.ABSENT for known in acting)


def _check_lies(dag: DagModel) -> Iterator[Told]:
    lies = {name: dag.line for name in dag.unreadable if name.rpartition(".")[2].startswith("__")}
    for task in dag.tasks:
        for name in task.unreadable:
            if name.rpartition(".")[2].startswith("__"):
                lies.setdefault(name, task.line)
    for name, line in lies.items():
        yield Told(f"`{name}`, used by `{dag.dag_id}`, may show other attributes than there are", line)


def _check_tasks(dag: DagModel) -> Iterator[Told]:
    if hidden := [name for name in ("dag_id", "task_dict") if name in dag.unreadable]:
        yield Told(f"{name_some(hidden)} of `{dag.dag_id}` cannot be read", dag.line)


def _check_grants(dag: DagModel) -> Iterator[Told]:
    for task in dag.tasks:
        if any(task.is_a(name) for name in GRANTING):
            yield Told(f"`{task.task_id}` of `{dag.dag_id}` changes who has access", task.line)


IDENTITY_RULES: tuple[DagRule, ...] = (
    DagRule(
        page=DEFAULT_SERVICE_ACCOUNT,
        check=_tell_facts("a default account of the project", _is_default_account, named=True),
        is_shared=True,
    ),
    DagRule(page=TEMPLATED_IDENTITY, check=_tell_facts("known at run time only", _is_templated), is_shared=True),
    DagRule(page=PRIVILEGED_POD, check=_tell_facts("a pod that reaches its node", _reaches_host), is_shared=True),
    DagRule(
        page=LATEST_IMAGE,
        check=_tell_facts("whatever was pushed last under that name:", _is_unpinned, named=True),
        is_shared=True,
    ),
    DagRule(
        page=ENVIRONMENT_IDENTITY, check=_tell_facts("acts as the environment's own service account", _is_environments)
    ),
    DagRule(page=BODY_WITHOUT_SERVICE_ACCOUNT, check=_tell_facts("names no service account", _lacks_account)),
    DagRule(
        page=POD_WITHOUT_SERVICE_ACCOUNT,
        check=_tell_facts("names no Kubernetes service account", _lacks_kubernetes_account),
    ),
    DagRule(
        page=POD_OVERRIDE_IDENTITY,
        check=_tell_facts("the worker's own pod gets another account,", _overrides_account, named=True),
    ),
    DagRule(page=PUBLIC_ADDRESS, check=_tell_facts("reached from everywhere, or nothing says it is not", _is_reached)),
    DagRule(page=IDENTITY_UNREADABLE, check=_tell_facts("cannot be read", _is_unreadable)),
    DagRule(page=TASKS_UNREADABLE, check=_check_tasks),
    DagRule(page=OBJECT_LIES, check=_check_lies),
    DagRule(page=GRANTS_ACCESS, check=_check_grants),
)
