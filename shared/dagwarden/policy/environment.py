"""environment.yaml: what an environment is made of, read and checked."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dagwarden.documents import Document, read_document
from dagwarden.errors import InvalidInput
from dagwarden.names import Component, EnvironmentName, parse_environment
from dagwarden.yaml_nodes import Fault

MinorVersion = Annotated[str, Meta(pattern=r"^[1-9]\.[0-9]{1,2}$")]
AirflowVersion = Annotated[str, Meta(pattern=r"^[1-9]\.[0-9]{1,2}(\.[0-9]{1,2})?$")]
Requirement = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]+\])?( *[=<>!~]=?[A-Za-z0-9.*+!=<>~, ]+)?$")
]
"""A package by name, with extras and versions as PEP 508 writes them; no address, no option of pip's."""
_PART = "[a-z][a-z0-9-]{0,62}"
COMPOSER_NAME = rf"projects/(?:[a-z0-9.-]+:)?{_PART}/locations/{_PART}/environments/{_PART}"
"""Full name of an environment of Cloud Composer."""


class EnvironmentFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of environment.yaml."""

    apiVersion: Literal["dagwarden/v1"]  # noqa: N815 (the key as Kubernetes spells it)
    kind: Literal["Environment"]
    name: Annotated[str, Meta(min_length=1, description="as Composer names environments")]
    bucket: Annotated[str, Meta(description="the environment's bucket; empty where agents alone bring the files")] = ""
    composer: Annotated[
        str,
        Meta(
            pattern=rf"^({COMPOSER_NAME})?$",
            description="its full name in Cloud Composer, `projects/P/locations/L/environments/E`; empty: it is run by "
            "yourselves",
        ),
    ] = ""
    python: Annotated[MinorVersion, Meta(description="Python of the components, major and minor")] = "3.11"
    airflow: Annotated[AirflowVersion, Meta(description="Airflow of the components, e.g. 3.3 or 3.3.2")] = "3.3"
    packages: Annotated[
        tuple[Requirement, ...], Meta(description="packages that are installed beside Airflow, e.g. `pandas>=2`")
    ] = ()
    components: Annotated[
        tuple[Component, ...], Meta(min_length=1, description="the component classes that notices go to")
    ] = (Component.SCHEDULER, Component.DAG_PROCESSOR, Component.WORKER, Component.TRIGGERER, Component.WEBSERVER)
    service_accounts: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")], ...],
        Meta(description="e-mails of the accounts that the components run as: no DAG should name them"),
    ] = ()


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """One Airflow deployment."""

    name: EnvironmentName
    bucket: str
    """Empty for a self-managed environment without one."""
    composer: str = ""
    """`projects/P/locations/L/environments/E`; empty for one that Cloud Composer does not run."""
    python: tuple[int, int]
    airflow: tuple[int, int]
    airflow_patch: int | None = None
    """None where the file does not say."""
    packages: tuple[str, ...] = ()
    components: tuple[Component, ...]
    service_accounts: tuple[str, ...] = ()
    """E-mails of the accounts that its components run as."""

    def release(self) -> str:
        """The release of Airflow, e.g. `3.3.2`.

        Raises:
            InvalidInput: the file says major and minor only.
        """
        minor = ".".join(map(str, self.airflow))
        if self.airflow_patch is None:
            raise InvalidInput(
                f"names Airflow {minor}, and no release of it",
                operation="read environment",
                subject="environment.yaml",
                hint=f'say all three numbers, as in `airflow: "{minor}.1"`',
            )
        return f"{minor}.{self.airflow_patch}"


@functools.lru_cache(maxsize=8)
def load_environment(content: bytes, name: str = "environment.yaml") -> Environment:
    """Read an environment; the same bytes are read once.

    Args:
        name: what messages call the file.

    Raises:
        InvalidInput: it is none; every fault is named as `NAME:LINE: what`.
    """
    file = read_document(content, EnvironmentFile, name=name, check=_check_meaning).value
    return Environment(
        name=parse_environment(file.name),
        bucket=file.bucket,
        composer=file.composer,
        python=_read_version(file.python),
        airflow=_read_version(file.airflow),
        airflow_patch=_read_patch(file.airflow),
        packages=file.packages,
        components=file.components,
        service_accounts=file.service_accounts,
    )


def _check_meaning(document: Document[EnvironmentFile]) -> list[Fault]:
    file, faults = document.value, []
    try:
        parse_environment(file.name)
    except InvalidInput as error:
        faults.append(Fault(document.line("name"), f"`name`: {error.message} ({error.hint})"))
    if file.bucket.startswith("gs://") or "/" in file.bucket:
        faults.append(Fault(document.line("bucket"), f"`bucket` is the name alone, got `{file.bucket}`"))
    if len(set(file.components)) < len(file.components):
        faults.append(Fault(document.line("components"), "`components` names one twice"))
    return faults


def _read_version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _read_patch(text: str) -> int | None:
    patch = text.split(".")[2:]
    return int(patch[0]) if patch else None
