"""Which rules hold which entry of the governance catalogue, and which of two rules speaks where both would."""

from __future__ import annotations

import enum

import msgspec

from dagwarden.lint.finding import Finding


class Mode(enum.StrEnum):
    """What a rule has to see to decide."""

    TEXT = "A"
    """The text of the file."""
    DAG = "D"
    """The imported DAG."""
    FLEET = "F"
    """All DAGs of the environment, and what is known of its accounts, connections and owners."""


class Entry(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    modes: str
    """Of `Mode`, one letter each."""
    about: str
    rules: tuple[str, ...] = ()
    """Ids of the rules that see as much of it as the text shows."""
    later: tuple[str, ...] = ()
    """Ids of the rules that see it in the imported DAG, or by what policy knows of the environment."""


GOVERNANCE: dict[str, Entry] = {
    "C01": Entry(
        "AD",
        "does not parse or import",
        ("syntax-error", "undecodable-bytes", "import-of-missing-module"),
        later=("import-error", "package-missing", "import-timeout"),
    ),
    "C02": Entry(
        "AD",
        "defines no DAG, or one without tasks",
        ("dag-without-tasks", "dag-function-never-called"),
        later=("file-without-dag", "dag-without-tasks"),
    ),
    "C03": Entry("AD", "cycle", ("task-upstream-of-itself",), later=("dag-cycle",)),
    "C04": Entry("AF", "duplicate dag_id", ("duplicate-dag-id",), later=("duplicate-dag-id",)),
    "C05": Entry("AD", "duplicate task_id", ("duplicate-task-id",), later=("duplicate-task-id",)),
    "C06": Entry("A", "duplicate dependency", ("duplicate-dependency",)),
    "C07": Entry("D", "task without DAG, isolated task", later=("isolated-task",)),
    "C08": Entry("F", "trigger or sensor target that does not exist", later=("missing-target",)),
    "C09": Entry("D", "join after a branch with all_success", later=("join-skipped-by-branch",)),
    "C10": Entry("D", "all_done leaf hides failures", later=("failure-hidden-by-leaf",)),
    "C11": Entry("A", "removed or invalid trigger rule", ("unknown-trigger-rule",)),
    "C12": Entry("A", "clock inside task logic", ("clock-in-task",)),
    "C13": Entry("A", "insert that is not idempotent", ("insert-without-upsert",)),
    "C14": Entry("A", "files on local disk between tasks", ("local-file-between-tasks",)),
    "C15": Entry(
        "A",
        "careless XComs",
        (
            "xcom-pull-without-task-ids",
            "airflow-xcom-pull-in-template-string",
            "airflow-task-implicit-multiple-outputs",
        ),
    ),
    "C16": Entry("A", "large object as XCom", ("dataframe-as-xcom",)),
    "C17": Entry("A", "branch that is a short circuit", ("airflow-task-branch-as-short-circuit",)),
    "S01": Entry("A", "no explicit schedule", ("airflow-dag-no-schedule-argument",)),
    "S02": Entry("AD", "invalid cron", ("invalid-cron",), later=("invalid-cron",)),
    "S03": Entry("A", "missing or moving start_date", ("start-date-moves", "start-date-missing")),
    "S04": Entry("A", "naive start_date", ("call-datetime-without-tzinfo",)),
    "S05": Entry("AD", "catchup unset or on", ("catchup-on",), later=("catchup-on",)),
    "S06": Entry("D", "retries absent or too many", later=("retries-missing", "too-many-retries")),
    "S07": Entry("D", "retry_delay absent, backoff without a cap", later=("backoff-without-cap",)),
    "S08": Entry("D", "no execution_timeout", later=("execution-timeout-missing",)),
    "S09": Entry("AD", "no dagrun_timeout", ("dagrun-timeout-missing",), later=("dagrun-timeout-missing",)),
    "S10": Entry("A", "max_active_runs unset", ("max-active-runs-missing",)),
    "S11": Entry("A", "not paused upon creation", ("not-paused-upon-creation",)),
    "S12": Entry("D", "poking sensor with a long timeout", later=("sensor-holds-slot",)),
    "S13": Entry("D", "reschedule with a short interval", later=("reschedule-too-often",)),
    "S14": Entry("D", "deferrable available and unused", later=("deferrable-unused",)),
    "P01": Entry("A", "Variable at import", ("variable-get-at-import",)),
    "P02": Entry("A", "connection or hook at import", ("connection-get-at-import", "hook-at-import")),
    "P03": Entry(
        "A",
        "database, network, process or sleep at import",
        (
            "database-call-at-import",
            "network-call-at-import",
            "cloud-client-at-import",
            "process-at-import",
            "sleep-at-import",
        ),
    ),
    "P04": Entry("A", "heavy import at the top", ("banned-module-level-imports",)),
    "P05": Entry("A", "runtime-varying DAG or task argument", ("airflow3-dag-dynamic-value",)),
    "P06": Entry("A", "Variable in a timetable", ("variable-in-timetable",)),
    "P07": Entry("D", "parse time over budget", later=("slow-import", "heavy-import", "import-too-slow")),
    "P08": Entry("AD", "unbounded generation of DAGs", ("dags-from-outside",), later=("many-dags-in-file",)),
    "P09": Entry("D", "excessive fan-in, fan-out, depth", later=("too-many-dependencies", "chain-too-long")),
    "P10": Entry("A", "one task does the work of many", ("loop-instead-of-expand", "operator-in-task")),
    "P11": Entry("A", "long inline SQL", ("long-inline-sql",)),
    "X01": Entry("A", "hard-coded secret", ("hard-coded-secret", "password-in-uri")),
    "X02": Entry("A", "service-account key", ("service-account-key",)),
    "X03": Entry("AD", "secret in env_vars, env, configuration", ("hard-coded-secret",), later=("hard-coded-secret",)),
    "X04": Entry("A", "formatted or templated shell command", ("user-input-in-bash", "formatted-bash-command")),
    "X05": Entry("A", "SQL put together from strings", ("hardcoded-sql-expression",)),
    "X06": Entry(
        "A",
        "eval, exec, pickle, marshal, unsafe YAML",
        (
            "exec-builtin",
            "suspicious-eval-usage",
            "suspicious-pickle-usage",
            "suspicious-marshal-usage",
            "unsafe-yaml-load",
        ),
    ),
    "X07": Entry(
        "A",
        "shell=True, os.system",
        (
            "subprocess-popen-with-shell-equals-true",
            "call-with-shell-equals-true",
            "start-process-with-a-shell",
        ),
    ),
    "X08": Entry(
        "A",
        "TLS or host-key verification off",
        (
            "request-with-no-cert-validation",
            "ssh-no-host-key-verification",
            "suspicious-unverified-context-usage",
        ),
    ),
    "X09": Entry("A", "unpinned packages at run time", ("unpinned-requirements", "pip-install-in-task")),
    "X10": Entry("AD", "image without a fixed version", ("latest-image",), later=("latest-image", "image-not-allowed")),
    "X11": Entry(
        "AD", "pod that reaches the host", ("privileged-pod",), later=("privileged-pod", "pod-setting-not-allowed")
    ),
    "X12": Entry("A", "metadata server", ("metadata-server-access",)),
    "X13": Entry("A", "writes to dags/ or plugins/", ("writes-released-files",)),
    "I01": Entry("D", "neither connection nor impersonation", later=("environment-identity",)),
    "I02": Entry(
        "ADF",
        "impersonation beyond the team's accounts",
        ("admin-impersonation",),
        later=("impersonation-not-allowed",),
    ),
    "I03": Entry("AD", "default service account", ("default-service-account",), later=("default-service-account",)),
    "I04": Entry(
        "DF",
        "service account of another project",
        later=("service-account-of-another-project", "service-account-not-allowed"),
    ),
    "I05": Entry(
        "D", "pod without an allowed service account", later=("pod-without-service-account", "pod-identity-not-allowed")
    ),
    "I06": Entry("D", "resource body without a service account", later=("body-without-service-account",)),
    "I07": Entry("D", "connection not allowed", later=("connection-not-allowed",)),
    "I08": Entry(
        "AD",
        "identity decided at run time",
        ("templated-identity",),
        later=("templated-identity", "identity-unreadable", "identities-unknown"),
    ),
    "I09": Entry("A", "domain-wide delegation", ("domain-wide-delegation",)),
    "I10": Entry("D", "pod_override sets a service account", later=("pod-override-identity",)),
    "I11": Entry("AD", "changes IAM, grants to everybody", ("public-grant",), later=("grants-access",)),
    "I12": Entry("A", "credentials past any connection", ("ambient-credentials", "cloud-client-at-import")),
    "I13": Entry("D", "no CMEK, public addresses", later=("encryption-key-not-allowed", "public-address")),
    "M01": Entry("A", "AIR301", ("airflow3-removal",)),
    "M02": Entry("A", "AIR302", ("airflow3-moved-to-provider",)),
    "M03": Entry("A", "AIR303", ("airflow3-incompatible-function-signature",)),
    "M04": Entry("A", "AIR311", ("airflow3-suggested-update",)),
    "M05": Entry("A", "AIR312", ("airflow3-suggested-to-move-to-provider",)),
    "M06": Entry("A", "AIR321", ("airflow31-moved",)),
    "M07": Entry("A", "metadata database access", ("metadata-database-access",)),
    "M08": Entry("A", "removed context keys in templates", ("removed-template-variable",)),
    "M09": Entry("A", "removed operators", ("airflow3-removal", "airflow3-moved-to-provider", "removed-provider-name")),
    "M10": Entry("A", "sla, sla_miss_callback", ("airflow3-suggested-update",)),
    "M11": Entry("A", "REST API of version 1", ("airflow-rest-api-v1",)),
    "M12": Entry("A", "search path and relative paths", ("sys-path-edit", "relative-path-at-import")),
    "M13": Entry("A", "e-mail by Airflow itself", ("email-argument",)),
    "M14": Entry("A", "provider class with a day of removal", ("provider-class-due-for-removal",)),
    "M15": Entry("A", "logical date assumed", ("logical-date-of-asset-run",)),
    "O01": Entry("DF", "owner missing or unknown", later=("default-owner",)),
    "O02": Entry("AD", "tags missing", ("tags-missing",), later=("tags-missing",)),
    "O03": Entry("A", "description missing", ("description-missing",)),
    "O04": Entry("A", "ids that Airflow refuses", ("invalid-id",)),
    "O05": Entry("A", "variable name and task_id", ("airflow-variable-name-task-id-mismatch",)),
    "O06": Entry("A", "mixed ways to chain", ("mixed-dependency-style",)),
    "O07": Entry("A", "repeated connection ids", ("repeated-connection-id",)),
}
"""Every entry of the catalogue. Whether `max_active_runs` was given, the text alone tells: a DAG has a default."""

NOT_ASKED_OF_RUFF: dict[str, tuple[str, str]] = {
    "AIR003": ("variable-get-at-import", "sees default arguments, decorators and class bodies too, and `setdefault`"),
    "S105": ("hard-coded-secret", "sees names in dictionaries and knows what only names a secret"),
    "S106": ("hard-coded-secret", "half of what ruff finds is the name of a secret, such as a Kubernetes Secret's"),
    "S107": ("hard-coded-secret", "sees annotated defaults too"),
    "F821": ("undefined-name-at-import", "asked for apart: what runs at import is told from what runs in a function"),
}
"""Codes of ruff's that overlap with a rule of ours: which rule, and why that one is kept."""

ECLIPSED: dict[str, tuple[str, ...]] = {
    "airflow3-dag-dynamic-value": ("start-date-moves",),
    "hard-coded-secret": ("password-in-uri",),
    "start-process-with-a-shell": ("process-at-import",),
    "subprocess-popen-with-shell-equals-true": ("process-at-import",),
}
"""Rules that are silent on the lines where one of those named speaks: the other says the same, and more."""


def drop_eclipsed(findings: list[Finding]) -> list[Finding]:
    """The findings of one file without those that another finding says better."""
    lines: dict[str, set[int]] = {}
    for finding in findings:
        lines.setdefault(finding.rule, set()).update(range(finding.line, finding.end_line + 1))
    return [
        finding
        for finding in findings
        if not any(finding.line in lines.get(rule, ()) for rule in ECLIPSED.get(finding.rule, ()))
    ]
