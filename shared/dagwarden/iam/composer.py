"""An environment as Cloud Composer has it set: the part of its API's `Environment` that is judged.

Source: google.cloud.orchestration.airflow.service_v1, types/environments.py and types/image_versions.py.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from dagwarden.policy.environment import Environment


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the API's answer; what it says besides is not looked at."""


class NodeConfig(_Part, frozen=True, kw_only=True):
    """What its components run on."""

    service_account: str = ""
    """Empty: the project's default one."""


class SoftwareConfig(_Part, frozen=True, kw_only=True):
    """What its components run."""

    image_version: str = ""
    airflow_config_overrides: dict[str, str] = {}
    """`SECTION-OPTION` -> value."""
    pypi_packages: dict[str, str] = {}
    """Package -> extras and version specifier, either or both of them empty."""
    env_variables: dict[str, str] = {}


class PrivateCluster(_Part, frozen=True, kw_only=True):
    """Its cluster, where it has one of its own (Composer 1 and 2)."""

    enable_private_endpoint: bool = False


class PrivateEnvironment(_Part, frozen=True, kw_only=True):
    """How it is reached, and what it reaches."""

    enable_private_environment: bool = False
    enable_private_builds_only: bool = False
    """Composer 3 has it."""
    private_cluster_config: PrivateCluster | None = None


class AllowedRange(_Part, frozen=True, kw_only=True):
    """Addresses that may reach its web server."""

    value: str = ""


class WebServerAccess(_Part, frozen=True, kw_only=True):
    """Who may reach its web server: nobody, where there are no ranges."""

    allowed_ip_ranges: tuple[AllowedRange, ...] = ()


class Encryption(_Part, frozen=True, kw_only=True):
    """By what it is encrypted."""

    kms_key_name: str = ""


class MaintenanceWindow(_Part, frozen=True, kw_only=True):
    """When it may be disturbed."""

    recurrence: str = ""


class ScheduledSnapshots(_Part, frozen=True, kw_only=True):
    """Snapshots that are taken of it."""

    enabled: bool = False


class Recovery(_Part, frozen=True, kw_only=True):
    """How it is brought back."""

    scheduled_snapshots_config: ScheduledSnapshots = ScheduledSnapshots()


class Config(_Part, frozen=True, kw_only=True):
    """All its settings."""

    node_config: NodeConfig = NodeConfig()
    software_config: SoftwareConfig = SoftwareConfig()
    private_environment_config: PrivateEnvironment = PrivateEnvironment()
    web_server_network_access_control: WebServerAccess | None = None
    """None: everybody may reach it."""
    encryption_config: Encryption = Encryption()
    maintenance_window: MaintenanceWindow = MaintenanceWindow()
    recovery_config: Recovery = Recovery()


class ComposerEnvironment(_Part, frozen=True, kw_only=True):
    """One environment."""

    name: Annotated[str, Meta(min_length=1)]
    config: Config = Config()


class ImageVersion(_Part, frozen=True, kw_only=True):
    """One version of what components run."""

    image_version_id: str
    creation_disabled: bool = False


class ComposerState(msgspec.Struct, frozen=True, kw_only=True):
    """What Cloud Composer says of an environment that environment.yaml describes, or why it says nothing."""

    described: Environment
    settings: Config | None = None
    """None where they could not be read."""
    is_image_current: bool | None = None
    """Whether new environments may be made of its image version; None where that could not be read."""
    faults: tuple[str, ...] = ()
    """What could not be read, and why."""


_IMAGE = re.compile(r"composer-(\d+)[0-9a-z.-]*?-airflow-(\d+)\.(\d+)(?:\.(\d+))?(?:-.*)?")


class Image(msgspec.Struct, frozen=True):
    """An image version, taken apart."""

    composer: int
    airflow: tuple[int, int]
    patch: int | None


def parse_image(version: str) -> Image | None:
    """An image version; None for one that is written in no way that is known.

    Source: cloud.google.com/composer/docs/concepts/versioning/composer-versions.

    >>> parse_image("composer-3-airflow-2.10.5-build.3")
    Image(composer=3, airflow=(2, 10), patch=5)
    >>> parse_image("composer-2.9.7-airflow-2.9.3").airflow, parse_image("latest")
    ((2, 9), None)
    """
    found = _IMAGE.fullmatch(version)
    if found is None:
        return None
    patch = int(found[4]) if found[4] else None
    return Image(int(found[1]), (int(found[2]), int(found[3])), patch)
