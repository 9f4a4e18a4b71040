"""All settings, as one table; read from the environment once, at the edge, into a frozen value."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dagwarden.errors import InvalidInput

PREFIX = "DAGWARDEN_"


class Setting(msgspec.Struct, frozen=True):
    """One row of the table: the environment variable is `DAGWARDEN_` + the name in upper case."""

    name: str
    read: Callable[[str], Any]
    default: Any
    help: str


def _read_seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e9:
        raise ValueError(text)
    return seconds


def _read_count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


SETTINGS: tuple[Setting, ...] = (
    Setting("project", str, "", "Google Cloud project of the pipeline (buckets, topics, logs)"),
    Setting("inbox_bucket", str, "", "bucket that pushes land in"),
    Setting("ledger_bucket", str, "", "bucket of the signed releases, and of nothing else"),
    Setting("store_bucket", str, "", "bucket of deltas, snapshots, verdicts, status, environment.yaml and policy.yaml"),
    Setting("gate_service_account", str, "", "e-mail of the service account whose signature a release must bear"),
    Setting("service_account", str, "", "e-mail to act and sign as; empty: that of the default credentials"),
    Setting("sign_with", str, "", "file of the SSH key to sign pushes with; empty: the service account signs"),
    Setting("notices_topic", str, "dagwarden-notices", "Pub/Sub topic of release notices"),
    Setting("receipts_topic", str, "dagwarden-receipts", "Pub/Sub topic of instances' receipts"),
    Setting("dead_letters_topic", str, "dagwarden-dead-letters", "Pub/Sub topic of events no handler could take"),
    Setting("held_topic", str, "dagwarden-held", "Pub/Sub topic whose messages make the gate look at held pushes"),
    Setting("audit_log", str, "dagwarden-audit", "id of the Cloud Logging log that audit entries go to"),
    Setting("logging_endpoint", str, "", "Cloud Logging endpoint, spoken to over HTTP; empty: Google's"),
    Setting("iam_endpoint", str, "", "endpoint of IAM, IAM Credentials and Resource Manager; empty: Google's"),
    Setting("composer_endpoint", str, "", "Cloud Composer endpoint; empty: Google's"),
    Setting("certificates_endpoint", str, "https://www.googleapis.com", "where service accounts' public keys are read"),
    Setting("validate_url", str, "", "URL of the function that imports what is pushed; empty: there is none"),
    Setting("validate_timeout_s", _read_seconds, 540.0, "seconds the gate waits for it, within its own time limit"),
    Setting("environment", str, "", "environment the command line speaks of where none is named"),
    Setting("snapshot_every", _read_count, 32, "releases after which a snapshot is written at the latest"),
    Setting("commit_attempts", _read_count, 8, "how often a commit that lost the race is tried again before giving up"),
    Setting("reconcile_every_s", _read_seconds, 120.0, "seconds between an agent's looks at the ledger, notice or not"),
    Setting("keep_trees", _read_count, 3, "how many former releases an agent keeps on disk"),
    Setting("keep_trees_s", _read_seconds, 21600.0, "seconds a former release is kept, for tasks pinned to it"),
    Setting("request_timeout_s", _read_seconds, 30.0, "seconds one request may take before it is tried again"),
    Setting("retry_deadline_s", _read_seconds, 60.0, "seconds a request is tried again for before it is an error"),
    Setting("caller", str, "dagwarden", "name this process gives in its user agent, e.g. gate or agent-worker"),
)
"""Argument > environment > default. The first five have no default that works: a verb names what it needs to `load`."""

_BY_VARIABLE = {PREFIX + setting.name.upper(): setting for setting in SETTINGS}
_CALLER = f"{PREFIX}CALLER"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process; see SETTINGS for what each means."""

    project: str = ""
    inbox_bucket: str = ""
    ledger_bucket: str = ""
    store_bucket: str = ""
    gate_service_account: str = ""
    service_account: str = ""
    sign_with: str = ""
    notices_topic: str = "dagwarden-notices"
    receipts_topic: str = "dagwarden-receipts"
    dead_letters_topic: str = "dagwarden-dead-letters"
    held_topic: str = "dagwarden-held"
    audit_log: str = "dagwarden-audit"
    logging_endpoint: str = ""
    iam_endpoint: str = ""
    composer_endpoint: str = ""
    certificates_endpoint: str = "https://www.googleapis.com"
    validate_url: str = ""
    validate_timeout_s: float = 540.0
    environment: str = ""
    snapshot_every: int = 32
    commit_attempts: int = 8
    reconcile_every_s: float = 120.0
    keep_trees: int = 3
    keep_trees_s: float = 21600.0
    request_timeout_s: float = 30.0
    retry_deadline_s: float = 60.0
    caller: str = "dagwarden"

    @classmethod
    def load(cls, environ: Mapping[str, str], *, needs: tuple[str, ...] = (), **arguments: Any) -> Settings:
        """Read the settings: arguments that are not None win over the environment, the environment over defaults.

        Args:
            environ: usually os.environ.
            needs: names that must not be empty for what follows.

        Raises:
            InvalidInput: naming every fault at once: unknown DAGWARDEN_ variables, unreadable values, empty needs.
        """
        faults = [_say_unknown(name) for name in environ if name.startswith(PREFIX) and name not in _BY_VARIABLE]
        values: dict[str, Any] = {}
        for variable, setting in _BY_VARIABLE.items():
            if variable not in environ:
                continue
            try:
                values[setting.name] = setting.read(environ[variable])
            except ValueError:
                faults.append(f"{variable}={environ[variable]!r} cannot be read: {setting.help}")
        values.update({name: value for name, value in arguments.items() if value is not None})
        settings = cls(**values)
        faults += [f"{PREFIX}{name.upper()} is not set: {_help(name)}" for name in needs if not getattr(settings, name)]
        if faults:
            raise _say_faults(faults, is_bare=not any(_BY_VARIABLE.keys() & environ.keys() - {_CALLER}))
        return settings

    def to_environ(self) -> dict[str, str]:
        """The environment variables that make another process load these settings (defaults left out)."""
        changed = {setting.name: getattr(self, setting.name) for setting in SETTINGS}
        return {
            PREFIX + setting.name.upper(): str(changed[setting.name])
            for setting in SETTINGS
            if changed[setting.name] != setting.default
        }


def _say_faults(faults: list[str], *, is_bare: bool) -> InvalidInput:
    """Each on a line of its own, where there are several.

    Args:
        is_bare: whether nothing at all is set.
    """
    told = faults[0] if len(faults) == 1 else "\n  ".join([f"{len(faults)} things are wrong:", *faults])
    here = 'for the local stack: eval "$(dagwarden local env)"; for another, ' if is_bare else ""
    return InvalidInput(told, operation="read settings", hint=f"{here}see docs/settings.md")


def _help(name: str) -> str:
    return _BY_VARIABLE[PREFIX + name.upper()].help


def _say_unknown(variable: str) -> str:
    near = difflib.get_close_matches(variable, _BY_VARIABLE, n=1)
    return f"{variable} is no setting" + (f"; did you mean {near[0]}?" if near else "")
