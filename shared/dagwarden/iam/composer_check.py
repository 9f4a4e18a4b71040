"""What is wrong with the settings of an environment in Cloud Composer: each setting is looked at on its own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from dagwarden.iam import composer_rules as rules
from dagwarden.iam.bindings import list_own
from dagwarden.iam.composer import Config, Image, parse_image
from dagwarden.iam.composer_table import SECRET_OVERRIDES, SECRET_VARIABLE, UNSAFE_OVERRIDES, plain_value
from dagwarden.iam.finding import IamFinding, SetEnvironment, Setting, say_command
from dagwarden.iam.members import is_default_account
from dagwarden.iam.rules import DEFAULT_ACCOUNT, SHARED_ACCOUNT
from dagwarden.iam.snapshot import Snapshot, name_environment
from dagwarden.lint.page import Page, find
from dagwarden.names import Component
from dagwarden.policy.environment import Environment
from dagwarden.policy.globs import match_name
from dagwarden.policy.model import Policy

MOST_CHARACTERS = 200
"""Of a value that is told."""
MOST_FLAG_CHARACTERS = 2_000
"""Of a command that is told; where it would be longer, the message says what is wrong and nothing how."""
MOST_NAMED = 10
"""Packages or ranges named in one finding."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Look(msgspec.Struct, frozen=True):
    """The settings of one environment, and what they are held against."""

    policy: Policy
    described: Environment
    config: Config
    is_image_current: bool | None

    def tell(
        self, page: Page, path: str, value: str, message: str, *flags: str, clause: tuple[str, ...] = ()
    ) -> IamFinding:
        """A finding on the setting at `path` of the API's `Environment`, with the flags that put it right."""
        resource = name_environment(self.described.composer)
        is_told = 0 < sum(map(len, flags)) <= MOST_FLAG_CHARACTERS
        fix = SetEnvironment(environment=self.described.composer, flags=flags) if is_told else None
        return IamFinding(
            finding=find(page, f"{path}: {message}", clause=self.policy.clause("iam", *clause)),
            resource=resource,
            setting=Setting(path=path, value=value[:MOST_CHARACTERS]),
            fix=fix,
            command=say_command(fix, "") if fix else "",
        )

    @property
    def image(self) -> Image | None:
        """What runs, as far as its version tells."""
        return parse_image(self.config.software_config.image_version)


def check_composer(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    """Everything wrong with the environment's settings; nothing where Cloud Composer does not run it."""
    state = snapshot.composer
    if state is None:
        return
    config = state.settings or Config()
    look = Look(policy, state.described, config, state.is_image_current)
    for fault in state.faults:  # of no setting: nobody who changed one is to blame
        yield msgspec.structs.replace(look.tell(rules.SETTINGS_UNREADABLE, "config", "", fault), setting=None)
    if state.settings is not None:
        for check in _CHECKS:
            yield from check(look)


_SHARING = frozenset({"environment", *Component})
"""What runs as the environment's own account in Cloud Composer: all that Airflow is made of."""


def _check_account(look: Look) -> Iterator[IamFinding]:
    path, account = "config.nodeConfig.serviceAccount", look.config.node_config.service_account
    wanted = look.policy.iam.service_accounts.environment
    own = list_own(look.policy.iam.service_accounts)
    others = {email: name for email, name in own.items() if name not in _SHARING}
    clause = ("service_accounts", "environment")
    if not account or is_default_account(account):
        said = f"it runs as {account or 'no account of its own'}: the project's default one"
        yield look.tell(DEFAULT_ACCOUNT, path, account, said, clause=clause)
    elif account in others:
        said = f"it runs as {account}, as {others[account]} does"
        yield look.tell(SHARED_ACCOUNT, path, account, said, clause=("service_accounts", others[account]))
    if wanted and account != wanted:
        said = f"it runs as {account or 'the default account'}, and {wanted} is what policy.yaml says"
        yield look.tell(rules.ACCOUNT_DIFFERS, path, account, said, clause=clause)
    elif look.described.service_accounts and account not in look.described.service_accounts:
        said = f"it runs as {account or 'the default account'}, which environment.yaml does not list"
        yield look.tell(rules.ACCOUNT_DIFFERS, path, account, said, clause=clause)


def _check_web_server(look: Look) -> Iterator[IamFinding]:
    path, access = "config.webServerNetworkAccessControl", look.config.web_server_network_access_control
    limits = look.policy.iam.composer.web_server_ranges
    clause = ("composer", "web_server_ranges")
    if access is None:
        said = "every address may reach the web server"
        yield look.tell(rules.WEB_SERVER_OPEN, path, "", said, *_let_in(limits), clause=clause)
        return
    ranges = [each.value for each in access.allowed_ip_ranges]
    networks = [(text, _read_range(text)) for text in ranges]
    allowed = [network for text in limits if (network := _read_range(text))]
    wrong = [text for text, network in networks if network is None or (allowed and not _is_within(network, allowed))]
    if not wrong and not any(each.prefixlen == 0 for each in _join(network for _, network in networks if network)):
        return
    said = f"{_name(wrong or ranges)} may reach the web server" + ("" if wrong else ": together that is every address")
    kept = [text for text in ranges if text not in wrong] if wrong else []
    yield look.tell(rules.WEB_SERVER_OPEN, path, ", ".join(ranges), said, *_let_in(kept or limits), clause=clause)


def _let_in(ranges: Iterable[str]) -> list[str]:
    """The flags after which just these reach the web server. Source: `gcloud composer environments update`."""
    return [f"--update-web-server-allow-ip=ip_range={each}" for each in ranges] or ["--web-server-deny-all"]


def _read_range(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_within(network: Network, allowed: Iterable[Network]) -> bool:
    return any(network.version == each.version and network.subnet_of(each) for each in allowed)  # type: ignore[arg-type]


def _join(networks: Iterable[Network]) -> Iterator[Network]:
    """The same addresses in as few ranges as can be."""
    listed = list(networks)
    yield from ipaddress.collapse_addresses(each for each in listed if isinstance(each, ipaddress.IPv4Network))
    yield from ipaddress.collapse_addresses(each for each in listed if isinstance(each, ipaddress.IPv6Network))


def _check_private(look: Look) -> Iterator[IamFinding]:
    private, path = look.config.private_environment_config, "config.privateEnvironmentConfig"
    is_third = look.image is not None and look.image.composer >= 3
    if not private.enable_private_environment:
        flags = ["--enable-private-environment"] if is_third else []
        said = "its components have public addresses, or reach the internet"
        yield look.tell(rules.ENVIRONMENT_PUBLIC, f"{path}.enablePrivateEnvironment", "false", said, *flags)
    cluster = private.private_cluster_config
    if private.enable_private_environment and cluster is not None and not cluster.enable_private_endpoint:
        said = "its cluster is reached over the internet"
        yield look.tell(
            rules.ENVIRONMENT_PUBLIC, f"{path}.privateClusterConfig.enablePrivateEndpoint", "false", said
        )  # fmt: skip
    if is_third and not private.enable_private_builds_only:
        said, flag = "builds of packages reach the internet", "--enable-private-builds-only"
        yield look.tell(rules.ENVIRONMENT_PUBLIC, f"{path}.enablePrivateBuildsOnly", "false", said, flag)


def _check_key(look: Look) -> Iterator[IamFinding]:
    key, wanted = look.config.encryption_config.kms_key_name, look.policy.iam.composer.encryption_keys
    if wanted and not match_name(key, wanted):
        said = f"it is encrypted with {key or 'a key of Google'}, and only {_name(wanted)} may be"
        path = "config.encryptionConfig.kmsKeyName"
        yield look.tell(rules.ENVIRONMENT_KEY, path, key, said, clause=("composer", "encryption_keys"))


def _check_overrides(look: Look) -> Iterator[IamFinding]:
    overrides = {key.strip().lower(): (key, value) for key, value in _overrides(look).items()}
    for name in sorted(overrides.keys() & UNSAFE_OVERRIDES.keys()):
        key, value = overrides[name]
        is_unsafe, said = UNSAFE_OVERRIDES[name]
        if is_unsafe(plain_value(value)):
            path, flag = f"config.softwareConfig.airflowConfigOverrides.{key}", f"--remove-airflow-configs={key}"
            yield look.tell(rules.UNSAFE_OVERRIDE, path, value, f"`{value[:MOST_CHARACTERS]}` {said}", flag)


def _check_secrets(look: Look) -> Iterator[IamFinding]:
    """Their values are told nowhere."""
    for key in sorted(key for key, value in _overrides(look).items() if value):
        if key.strip().lower() in SECRET_OVERRIDES:
            path, flag = f"config.softwareConfig.airflowConfigOverrides.{key}", f"--remove-airflow-configs={key}"
            yield look.tell(rules.SECRET_IN_SETTINGS, path, "", "it holds a secret", flag)
    for name in sorted(name for name, value in look.config.software_config.env_variables.items() if value):
        if SECRET_VARIABLE.fullmatch(name):
            path, flag = f"config.softwareConfig.envVariables.{name}", f"--remove-env-variables={name}"
            yield look.tell(rules.SECRET_IN_SETTINGS, path, "", "it holds a secret", flag)


def _overrides(look: Look) -> Mapping[str, str]:
    return look.config.software_config.airflow_config_overrides


def _check_version(look: Look) -> Iterator[IamFinding]:
    path, version, image = "config.softwareConfig.imageVersion", look.config.software_config.image_version, look.image
    wanted, patch = look.described.airflow, look.described.airflow_patch
    if image is None:
        yield look.tell(rules.VERSION_DIFFERS, path, version, f"which Airflow `{version}` is cannot be told")
    elif image.airflow != wanted or (patch is not None and image.patch not in {patch, None}):
        said = f"environment.yaml says Airflow {'.'.join(map(str, (*wanted, *([] if patch is None else [patch]))))}"
        is_older = patch is not None and (*image.airflow, image.patch or 0) < (*wanted, patch)
        flags = [f"--airflow-version={look.described.release()}"] if is_older else []
        yield look.tell(rules.VERSION_DIFFERS, path, version, f"it is `{version}`, and {said}", *flags)
    if look.is_image_current is False:
        yield look.tell(rules.IMAGE_DEPRECATED, path, version, f"no new environments are made of `{version}`")


_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)", re.DOTALL)


def _check_packages(look: Look) -> Iterator[IamFinding]:
    """Of those that somebody installed: what comes with the image is told nowhere, so one not here may be there."""
    path = "config.softwareConfig.pypiPackages"
    have = {_fold(name): (name, f"{name}{said}") for name, said in look.config.software_config.pypi_packages.items()}
    parts = [found for text in look.described.packages if (found := _REQUIREMENT.fullmatch(text))]
    wanted = {_fold(found[1]): (found[1], "".join(found.groups())) for found in parts}
    if extra := sorted(have[key][0] for key in have.keys() - wanted.keys()):
        said = f"{_name(extra)} installed, and environment.yaml does not name it"
        flag = f"--remove-pypi-packages={','.join(extra)}"
        yield look.tell(rules.PACKAGES_DIFFER, path, ", ".join(extra), said, flag)
    for key in sorted(have.keys() & wanted.keys()):
        has, (name, said) = have[key][1], wanted[key]
        if _spell(has) != _spell(said):
            message = f"environment.yaml names `{said}`, and `{has}` is installed"
            flag = f"--update-pypi-package={said.replace(' ', '')}"
            yield look.tell(rules.PACKAGES_DIFFER, f"{path}.{name}", has, message, flag)


def _fold(name: str) -> str:
    """A package's name as all its spellings have it. Source: packaging.python.org, name normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _spell(requirement: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """A requirement, whatever the order of its extras and versions."""
    found = _REQUIREMENT.fullmatch(requirement)
    name, rest = (found[1], found[2]) if found else ("", "")
    extras, _, versions = rest.strip().removeprefix("[").partition("]") if "[" in rest else ("", "", rest)
    return (
        _fold(name),
        frozenset(_fold(each.strip()) for each in extras.split(",") if each.strip()),
        frozenset(each.replace(" ", "") for each in versions.split(",") if each.strip()),
    )


def _check_upkeep(look: Look) -> Iterator[IamFinding]:
    if not look.config.recovery_config.scheduled_snapshots_config.enabled:
        bucket = look.described.bucket
        times = ["--snapshot-creation-schedule=0 3 * * *", "--snapshot-schedule-timezone=UTC"]
        where = f"--snapshot-location=gs://{bucket}/snapshots"
        flags = ["--enable-scheduled-snapshot-creation", where, *times] if bucket else []
        path = "config.recoveryConfig.scheduledSnapshotsConfig.enabled"
        yield look.tell(rules.SNAPSHOTS_OFF, path, "false", "no snapshots are taken on a schedule", *flags)
    if not look.config.maintenance_window.recurrence:
        yield look.tell(rules.NO_MAINTENANCE_WINDOW, "config.maintenanceWindow", "", "there is none", *_WINDOW)


_WINDOW = (
    "--maintenance-window-start=2026-01-01T01:00:00Z",
    "--maintenance-window-end=2026-01-01T05:00:00Z",
    "--maintenance-window-recurrence=FREQ=WEEKLY;BYDAY=FR,SA,SU",
)
"""Twelve hours a week, the least there may be. Source: cloud.google.com/composer/docs/specify-maintenance-windows."""

_CHECKS: tuple[Callable[[Look], Iterator[IamFinding]], ...] = (
    _check_account,
    _check_web_server,
    _check_private,
    _check_key,
    _check_overrides,
    _check_secrets,
    _check_version,
    _check_packages,
    _check_upkeep,
)


def _name(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(name[:MOST_CHARACTERS] for name in listed[:MOST_NAMED]) + more
