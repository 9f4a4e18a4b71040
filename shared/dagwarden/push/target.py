"""Where a push goes and how it maps: from the remote's URL and git's configuration."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.names import EnvironmentName, parse_environment
from dagwarden.push.mapping import parse_prefix
from dagwarden.settings import PREFIX, SETTINGS

OWN_KEYS = ("prefix", "source", "timeout")
"""What may be configured of a push beside the settings: see `Target`."""

_URL = re.compile(
    r"(?:dagwarden::)?gs://(?P<inbox>[a-z0-9][-._a-z0-9]{1,220}[a-z0-9])/(?P<environment>[^/?#]+)/?(?:\?(?P<query>[^#]*))?"
)
"""Source: Cloud Storage, "Bucket names": 3 to 63 characters a part, 222 in all."""

_SETTING_KEYS = {setting.name.replace("_", ""): setting.name for setting in SETTINGS}
"""git's configuration knows no underscores and no case: `dagwarden.ledgerBucket` is the setting `ledger_bucket`."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One environment as a git remote names it, `dagwarden::gs://INBOX/ENVIRONMENT[?prefix=…&source=…]`."""

    inbox: str
    environment: EnvironmentName
    prefix: str = ""
    """Folder of the release that the repository goes into; empty: see `mapping.map_files`."""
    source: str = ""
    """The source's name; empty: made from the repository's first commit."""
    timeout_s: float = 120.0
    """How long to wait for the verdict."""


def read_target(url: str, configured: Mapping[str, str]) -> Target:
    """Take the URL apart; what it does not say, the configuration does.

    Args:
        url: as git hands it to the helper: without `dagwarden::`, or with.
        configured: what `read_configured` found.

    Raises:
        InvalidInput: it is no such URL.
    """
    match = _URL.fullmatch(url)
    asked = dict(parse_qsl(match["query"] or "", keep_blank_values=True)) if match else {}
    unknown = sorted(asked.keys() - set(OWN_KEYS))
    if match is None or unknown:
        raise InvalidInput(
            f"{url!r} names no environment" + (f": unknown {', '.join(unknown)}" if unknown else ""),
            operation="read remote",
            hint="write dagwarden::gs://INBOX_BUCKET/ENVIRONMENT, optionally with ?prefix=dags/FOLDER&source=NAME",
        )
    values = {key: value for key in OWN_KEYS if (value := asked.get(key) or configured.get(key))}
    return Target(
        inbox=match["inbox"],
        environment=parse_environment(match["environment"]),
        prefix=parse_prefix(values.get("prefix", "")),
        source=values.get("source", ""),
        timeout_s=_read_timeout(values["timeout"]) if "timeout" in values else 120.0,
    )


def read_configured(config: Iterable[tuple[str, str]], remote: str) -> dict[str, str]:
    """What git's configuration says of pushing: `dagwarden.KEY`, and for one remote `remote.NAME.dagwarden-KEY`.

    Returns:
        By the names of `OWN_KEYS` and of the settings; what is said of the one remote wins.

    Raises:
        InvalidInput: it names something that is none of them.
    """
    general, own = "dagwarden.", f"remote.{remote}.dagwarden-"
    found: dict[str, dict[str, str]] = {general: {}, own: {}}
    for name, value in config:
        for start in (general, own):
            if name.startswith(start):
                found[start][_parse_key(name, name.removeprefix(start))] = value
    return {**found[general], **found[own]}


def add_to_environ(environ: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """The environment variables, and what git's configuration says where they are silent."""
    said = {PREFIX + name.upper(): value for name, value in configured.items() if name not in OWN_KEYS}
    return {**said, **environ}


def _parse_key(name: str, key: str) -> str:
    if key in OWN_KEYS:
        return key
    if key in _SETTING_KEYS:
        return _SETTING_KEYS[key]
    near = difflib.get_close_matches(key, [*OWN_KEYS, *_SETTING_KEYS], n=1)
    raise InvalidInput(
        f"git config {name} is no setting" + (f"; did you mean {near[0]}?" if near else ""),
        operation="read git config",
        hint="see docs/settings.md; leave out the underscores: dagwarden.ledgerBucket",
    )


def _read_timeout(text: str) -> float:
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = -1.0
    if not 0 < timeout_s < 86_400:
        raise InvalidInput(f"timeout={text!r} is no number of seconds", operation="read remote", hint="write e.g. 120")
    return timeout_s
