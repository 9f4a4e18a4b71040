"""What may be wrong with importing a file, and what an import may have done: one table."""

from __future__ import annotations

import msgspec

from dagwarden.lint.finding import Finding, Severity

_UNSEEN = "what could not be imported safely and seen to the end cannot be judged"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


class ImportRule(msgspec.Struct, frozen=True):
    """One such thing."""

    id: str
    code: str
    severity: Severity
    message: str
    hint: str
    fixed: str = ""
    """Why no policy may turn it below enforce; empty: it may."""


IMPORT_RULES: tuple[ImportRule, ...] = (
    ImportRule("import-error", "DW351", ERROR, "the file cannot be imported", "run `python FILE`, mend what it shows"),
    ImportRule(
        "package-missing", "DW352", ERROR, "a package is not installed in the environment",
        "add it to `packages` in environment.yaml and install it there, or put the module under dags/ or plugins/",
    ),
    ImportRule(
        "import-timeout", "DW353", ERROR, "the import did not end in time",
        "move the work into a task: Airflow gives up on such a file too", _UNSEEN,
    ),
    ImportRule(
        "import-killed", "DW354", ERROR, "the import was killed by a signal",
        "look for native code that crashes, or work that computes without end", _UNSEEN,
    ),
    ImportRule(
        "import-exit", "DW355", ERROR, "the import ended the process", "do not call exit in a DAG file", _UNSEEN,
    ),
    ImportRule(
        "import-memory", "DW356", ERROR, "the import needs more memory than it may have", "load data in a task",
    ),
    ImportRule(
        "result-forged", "DW357", ERROR, "the import wrote to the descriptor that results come over",
        "write to no descriptor that the file did not open", _UNSEEN,
    ),
    ImportRule(
        "result-too-large", "DW358", ERROR, "what the file defines is more than is read of one file",
        "split the file", _UNSEEN,
    ),
    ImportRule(
        "airflow-patched", "DW359", ERROR, "the import replaced a function or class of Airflow or of the validator",
        "use a plugin or a cluster policy to change how Airflow behaves", _UNSEEN,
    ),
    ImportRule(
        "interpreter-tampering", "DW360", ERROR, "the import reached into the interpreter",
        "do without frames, gc, tracing and code objects in a DAG file",
    ),
    ImportRule(
        "native-code-at-import", "DW361", ERROR, "the import loaded native code of its own", "install it as a package",
    ),
    ImportRule(
        "sandbox-unavailable", "DW362", ERROR, "this host cannot give the sandbox that is required",
        "see `dagwarden doctor`", _UNSEEN,
    ),
    ImportRule(
        "sandbox-failed", "DW363", ERROR, "the sandbox could not be raised around the import",
        "see `dagwarden doctor`; if it shows no fault, try again", _UNSEEN,
    ),
    ImportRule(
        "validator-failed", "DW364", ERROR, "the validator died", "push again; if it happens again, report it", _UNSEEN,
    ),
    ImportRule(
        "validator-missing", "DW365", ERROR, "the gate has no validator to import the files with",
        "set DAGWARDEN_VALIDATE_URL of the gate, or let policy do without: `validate: {imports: skipped}`", _UNSEEN,
    ),
    ImportRule("network-at-import", "DW370", ERROR, "the import uses the network", "do it inside a task"),
    ImportRule("subprocess-at-import", "DW371", ERROR, "the import starts a process", "do it inside a task"),
    ImportRule("write-outside-scratch", "DW372", ERROR, "the import changes files", "write in a task, to data/"),
    ImportRule("file-written-at-import", "DW373", WARNING, "the import writes a temporary file", "write in a task"),
    ImportRule(
        "read-outside-tree", "DW374", ERROR, "the import reads a file that is not part of the release",
        "put the file under dags/, or read it in a task",
    ),
    ImportRule("signal-at-import", "DW375", ERROR, "the import sends a signal", "leave processes alone"),
    ImportRule("thread-at-import", "DW376", WARNING, "the import starts a thread", "start it inside a task"),
    ImportRule(
        "environment-read-at-import", "DW377", INFO, "the import reads an environment variable",
        "what it is in the environment is not known here: prefer a Variable read in a template",
    ),
    ImportRule(
        "variable-read-at-import", "DW378", WARNING, "the import reads a Variable",
        "read it inside a task, or as `{{ var.value.NAME }}`",
    ),
    ImportRule(
        "connection-read-at-import", "DW379", WARNING, "the import reads a Connection", "read it inside a task",
    ),
    ImportRule("slow-import", "DW380", WARNING, "the import is slow", "move imports and work into tasks"),
    ImportRule(
        "heavy-import", "DW381", WARNING, "the import loads a heavy module", "import it inside the task that uses it",
    ),
)  # fmt: skip
"""The order is that of the codes; no code is given twice. DW370 and on are what imports were seen doing."""

_BY_ID = {rule.id: rule for rule in IMPORT_RULES}


def find(rule_id: str, path: str, message: str = "", *, line: int = 0, hint: str = "") -> Finding:
    """The finding that this rule makes of this file; `message` says more than the table does."""
    rule = _BY_ID[rule_id]
    return Finding(
        rule=rule.id,
        code=rule.code,
        severity=rule.severity,
        path=path,
        line=line,
        end_line=line,
        message=message or rule.message,
        hint=hint or rule.hint,
    )
