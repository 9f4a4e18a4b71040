"""The rules that ruff decides: which of its codes are ours, and how each is rated."""

from __future__ import annotations

import msgspec

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page

HEAVY_MODULES = ("numpy", "pandas", "polars", "scipy", "sklearn", "tensorflow", "torch", "transformers")
"""What takes a second or more to import, each time a file is parsed."""


class RuffRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of ruff's."""

    page: Page
    once_per_file: bool = False
    """Whether the same message is told at its first place only: ruff says it at every use of one import."""
    said: str = ""
    """What is said in place of ruff's message; `{name}` stands for what that one names first."""
    advice: str = ""
    """Likewise what is told to do, in place of the page's hint."""


def _rule(  # noqa: PLR0917 (a table reads by position)
    code: str,
    rule: str,
    category: str,
    severity: Severity,
    what: str,
    why: str,
    hint: str,
    *,
    opt_in: bool = False,
    once_per_file: bool = False,
    airflow: tuple[int, int] = (0, 0),
    said: str = "",
    advice: str = "",
    example: str = "",
    instead: str = "",
    limits: str = "",
) -> RuffRule:
    page = Page(
        rule=rule,
        code=code,
        category=category,
        severity=severity,
        what=what,
        why=why,
        hint=hint,
        opt_in=opt_in,
        airflow=airflow,
        example=example,
        instead=instead,
        limits=limits,
        sources=(f"https://docs.astral.sh/ruff/rules/{rule}",),
    )
    return RuffRule(page=page, once_per_file=once_per_file, said=said, advice=advice)


_SHELL = "Whatever reaches the command from outside is run by the shell."
_SHELL_HINT = "Pass a list of arguments and no `shell=True`."
_UNSAFE_DATA = "Who can change the data then runs code as the worker."
_TLS = "Anybody on the way can read and change what is sent, credentials first."
_WORKS = "It still works through a shim that a later Airflow takes away."
_FORMAT = "The line raises as soon as it runs, which is often in the error path nobody tries."
_FORMAT_HINT = "Give the string the values it asks for; an f-string cannot go wrong this way."

RUFF_RULES: tuple[RuffRule, ...] = (
    _rule(
        "AIR001", "airflow-variable-name-task-id-mismatch", "style", Severity.INFO,
        "Finds tasks whose variable is called differently from their task_id.",
        "Who reads a log looks for the name that the log shows.",
        "Give both one name.",
        opt_in=True,
    ),
    _rule(
        "AIR002", "airflow-dag-no-schedule-argument", "scheduling", Severity.WARNING,
        "Finds DAGs without an explicit schedule.",
        "Airflow 3 takes none for never, Airflow 2 for daily: the same file means two things.",
        "Say `schedule=None`, or how often it runs.",
        limits="Arguments unpacked from elsewhere (`DAG(**common)`) are taken to hold it, unless the file shows that"
        " they do not.",
    ),
    _rule(
        "AIR004", "airflow-task-branch-as-short-circuit", "correctness", Severity.INFO,
        "Finds branches that only decide between going on and stopping.",
        "A short circuit says so, and skips what comes after by itself.",
        "Use `@task.short_circuit` or ShortCircuitOperator.",
        opt_in=True,
    ),
    _rule(
        "AIR201", "airflow-xcom-pull-in-template-string", "correctness", Severity.INFO,
        "Finds `xcom_pull` of one task in a template string.",
        "Airflow cannot see the dependency in a string, so a renamed task breaks at run time.",
        "Pass the task's `.output`.",
    ),
    _rule(
        "AIR202", "airflow-task-implicit-multiple-outputs", "correctness", Severity.INFO,
        "Finds `@task` functions annotated to return a dictionary, without `multiple_outputs`.",
        "Airflow then pushes one XCom for each key, because of the annotation alone.",
        "Say `multiple_outputs=True` or `False`.",
        said="this task pushes one XCom for each key it returns, because of its annotation alone",
        advice="Say `multiple_outputs=True` if that is meant, and `False` if not.",
    ),
    _rule(
        "AIR301", "airflow3-removal", "migration", Severity.ERROR,
        "Finds names, arguments and context keys that Airflow 3 no longer has.",
        "The import or the call raises, and with it every DAG of the file is gone.",
        "Take it away, or write what took its place in Airflow 3; `ruff check --select AIR301 --fix` mends many.",
        once_per_file=True, airflow=(3, 0),
    ),
    _rule(
        "AIR302", "airflow3-moved-to-provider", "migration", Severity.ERROR,
        "Finds imports of what Airflow 3 has moved to a provider and left nothing behind for.",
        "The import raises, and with it every DAG of the file is gone.",
        "Import it from the provider that the message names.",
        once_per_file=True, airflow=(3, 0),
    ),
    _rule(
        "AIR303", "airflow3-incompatible-function-signature", "migration", Severity.WARNING,
        "Finds calls and overrides of functions whose signature changed in Airflow 3.",
        "The call raises, or means something else.",
        "Follow the signature that the message names.",
        airflow=(3, 0),
    ),
    _rule(
        "AIR304", "airflow3-dag-dynamic-value", "import", Severity.WARNING,
        "Finds arguments of DAGs and tasks that are another value at every import (`now()`, `uuid4()`, `random()` …).",
        "Each parse then makes a new version of the DAG, and the metadata database fills with them.",
        "Compute it inside the task, or use a template such as `{{ ts }}`.",
        airflow=(3, 0),
    ),
    _rule(
        "AIR311", "airflow3-suggested-update", "migration", Severity.INFO,
        "Finds names that Airflow 3 has moved to `airflow.sdk`, and arguments it has replaced.",
        _WORKS,
        "Import it from where the message says.",
        once_per_file=True, airflow=(3, 0),
    ),
    _rule(
        "AIR312", "airflow3-suggested-to-move-to-provider", "migration", Severity.INFO,
        "Finds imports of what Airflow 3 has moved to a provider, leaving a shim behind.",
        _WORKS,
        "Import it from the provider that the message names.",
        once_per_file=True, airflow=(3, 0),
    ),
    _rule(
        "AIR321", "airflow31-moved", "migration", Severity.INFO,
        "Finds imports of what Airflow 3.1 has moved.",
        _WORKS,
        "Import it from where the message says.",
        once_per_file=True, airflow=(3, 1),
    ),
    _rule(
        "DTZ001", "call-datetime-without-tzinfo", "scheduling", Severity.INFO,
        "Finds `datetime(...)` without a time zone, such as a `start_date`; told once a file.",
        "What moment it means depends on a setting of the environment.",
        'Write `pendulum.datetime(2024, 1, 1, tz="UTC")`.',
        once_per_file=True,
    ),
    _rule(
        "F502", "percent-format-expected-mapping", "correctness", Severity.WARNING,
        "Finds `%` formats that name their values but are given a tuple.", _FORMAT, _FORMAT_HINT,
    ),
    _rule(
        "F503", "percent-format-expected-sequence", "correctness", Severity.WARNING,
        "Finds `%` formats that number their values but are given a dictionary.", _FORMAT, _FORMAT_HINT,
    ),
    _rule(
        "F505", "percent-format-missing-argument", "correctness", Severity.WARNING,
        "Finds `%` formats that name a value they are not given.", _FORMAT, _FORMAT_HINT,
    ),
    _rule(
        "F506", "percent-format-mixed-positional-and-named", "correctness", Severity.WARNING,
        "Finds `%` formats that name some values and number others.", _FORMAT, _FORMAT_HINT,
    ),
    _rule(
        "F507", "percent-format-positional-count-mismatch", "correctness", Severity.WARNING,
        "Finds `%` formats given more or fewer values than they ask for.", _FORMAT, _FORMAT_HINT,
    ),
    _rule(
        "F509", "percent-format-unsupported-format-character", "correctness", Severity.WARNING,
        "Finds `%` formats with a character that means nothing.", _FORMAT, "Write `%%` for a percent sign.",
    ),
    _rule(
        "F521", "string-dot-format-invalid-format", "correctness", Severity.WARNING,
        "Finds `str.format` calls on a string that is no format.", _FORMAT, "Write `{{` and `}}` for braces.",
    ),
    _rule(
        "F524", "string-dot-format-missing-arguments", "correctness", Severity.WARNING,
        "Finds `str.format` calls that lack a value the string asks for.", _FORMAT, _FORMAT_HINT,
    ),
    _rule(
        "F632", "is-literal", "correctness", Severity.WARNING,
        "Finds `is` and `is not` used to compare with a literal.",
        "Whether it holds depends on what the interpreter happens to keep in memory.",
        "Write `==` or `!=`.",
    ),
    _rule(
        "S102", "exec-builtin", "security", Severity.WARNING,
        "Finds `exec`.", _UNSAFE_DATA, "Write the code down, or read the values from data.",
    ),
    _rule(
        "S301", "suspicious-pickle-usage", "security", Severity.WARNING,
        "Finds `pickle` and its kin used to read data.", _UNSAFE_DATA, "Use JSON or Parquet.",
    ),
    _rule(
        "S302", "suspicious-marshal-usage", "security", Severity.WARNING,
        "Finds `marshal` used to read data.", _UNSAFE_DATA, "Use JSON.",
    ),
    _rule(
        "S307", "suspicious-eval-usage", "security", Severity.WARNING,
        "Finds `eval`.", _UNSAFE_DATA, "Use `ast.literal_eval` or JSON.",
    ),
    _rule(
        "S323", "suspicious-unverified-context-usage", "security", Severity.WARNING,
        "Finds TLS contexts that check no certificate.", _TLS, "Use `ssl.create_default_context()`.",
    ),
    _rule(
        "S501", "request-with-no-cert-validation", "security", Severity.WARNING,
        "Finds requests with `verify=False`.", _TLS, "Give the authority's certificate with `verify=PATH`.",
    ),
    _rule(
        "S506", "unsafe-yaml-load", "security", Severity.WARNING,
        "Finds `yaml.load` with a loader that makes objects.", _UNSAFE_DATA, "Use `yaml.safe_load`.",
        limits="Silent on `FullLoader`, which makes none that harm since PyYAML 5.4.",
    ),
    _rule(
        "S507", "ssh-no-host-key-verification", "security", Severity.WARNING,
        "Finds SSH clients that trust any host key.", _TLS, "Load the known host keys and use `RejectPolicy`.",
    ),
    _rule(
        "S602", "subprocess-popen-with-shell-equals-true", "security", Severity.WARNING,
        "Finds `subprocess` calls with `shell=True`.", _SHELL, _SHELL_HINT,
        limits="Silent where the command is a literal.",
    ),
    _rule(
        "S604", "call-with-shell-equals-true", "security", Severity.WARNING,
        "Finds other calls with `shell=True`.", _SHELL, _SHELL_HINT,
    ),
    _rule(
        "S605", "start-process-with-a-shell", "security", Severity.WARNING,
        "Finds `os.system`, `os.popen` and their kin.", _SHELL, "Use `subprocess.run` with a list of arguments.",
    ),
    _rule(
        "S608", "hardcoded-sql-expression", "security", Severity.INFO,
        "Finds SQL put together from strings.",
        "Where a part comes from outside, it can say anything the connection may do.",
        "Use `parameters=` for values and `params=` for what a template names.",
        opt_in=True,
    ),
    _rule(
        "TID253", "banned-module-level-imports", "import", Severity.INFO,
        f"Finds heavy modules imported at the top of a file: {', '.join(HEAVY_MODULES)}.",
        "Each parse of the file, every few seconds, pays for the import, which few of its tasks need.",
        "Import it inside the task that uses it.",
        once_per_file=True,
        said="`{name}` is loaded each time this file is parsed",
        advice="Write the import of `{name}` inside the tasks that use it: then only they load it.",
        example="import pandas as pd\n\n\n@task\ndef load():\n    return len(pd.read_parquet(SOURCE))\n",
        instead="@task\ndef load():\n    import pandas as pd\n\n    return len(pd.read_parquet(SOURCE))\n",
        limits="Imports within `try` or `if` are not looked at, nor what a module imported here loads in its turn.",
    ),
)  # fmt: skip
"""No rule of the table is decided by one of our own files, and none of ours by ruff: see `coverage`."""


class Rerating(msgspec.Struct, frozen=True):
    """How a name counts that Airflow treats otherwise than ruff says."""

    severity: Severity
    said: str = ""
    """What is said of it in place of ruff's message."""


_STILL_THERE = Rerating(Severity.WARNING, "`{name}` is deprecated: Airflow 3.3 still has it")
_PASSED_OVER = Rerating(Severity.WARNING)
_GONE = Rerating(Severity.ERROR, "`{name}` is gone: Airflow 3.3 has it no more")

RERATED: dict[str, Rerating] = {
    "airflow.operators.python.get_current_context": _STILL_THERE,
    "airflow.operators.email.EmailOperator": _STILL_THERE,
    "operators": _PASSED_OVER,
    "sensors": _PASSED_OVER,
    "hooks": _PASSED_OVER,
    "executors": _PASSED_OVER,
    "airflow.datasets.Dataset": _GONE,
    "airflow.datasets.DatasetAlias": _GONE,
}
"""Names that Airflow 3.3 treats otherwise than ruff says: imports that still work, attributes of plugins that are
passed over, and a module that is gone though ruff thinks it is there. Found by importing each name ruff told of."""

_DEADLINE = "Delete it; from Airflow 3.1 on a DAG can have a `deadline`."

INSTEAD: dict[str, str] = {
    "provide_context": "Delete it: the context is always passed.",
    "default_view": "Delete it: the web server has no such choice any more.",
    "sla": _DEADLINE,
    "sla_miss_callback": _DEADLINE,
    "execution_date": "Use `logical_date`, or `data_interval_start` where the interval is meant.",
    "airflow.utils.dates.days_ago": 'Write a fixed date, such as `pendulum.datetime(2026, 1, 1, tz="UTC")`.',
    "airflow.operators.subdag": "Use a task group.",
    "airflow.contrib": "Import its successor from `airflow.providers`: nothing of `airflow.contrib` is left.",
}
"""What to write instead of names whose place ruff tells nobody; a name stands for all that is in it."""
