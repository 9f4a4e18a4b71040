"""The files that benchmark `lint` reads: the example DAGs and system tests of Airflow and its providers, by release."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dagwarden.lint.airflow_ignore import might_hold_dag
from dagwarden.lint.compiles import read_source
from tests.benchmarks.agents import RIVAL_VENV, ROOT

PROVIDER = "apache-airflow-providers-"
SDISTS = {
    "google": "15.1.0 16.1.0 17.0.0 18.0.0 20.0.0 22.8.0",
    "amazon": "9.8.0 9.12.0 9.20.0 9.30.0 9.39.0",
    "common-ai": "0.3.0 1.0.0",
    "microsoft-azure": "12.10.1 15.2.1",
    "openlineage": "2.10.0 2.20.3",
    "standard": "1.8.0 1.21.0",
    "alibaba": "3.5.2",
    "apache-beam": "6.3.1",
    "apache-kafka": "2.1.0",
    "cncf-kubernetes": "10.25.0",
    "common-sql": "2.4.0",
    "databricks": "7.23.0",
    "docker": "4.6.1",
    "slack": "9.11.1",
    "snowflake": "6.20.0",
    "teradata": "3.7.1",
    "weaviate": "3.5.1",
    "yandex": "4.6.1",
}
"""Releases by provider. Today's wheels lack the tests."""
WHEELS = {
    "apache-airflow": "1.10.15 2.2.5 2.10.5",
    "apache-airflow-backport-providers-google": "2021.3.3",
    f"{PROVIDER}google": "1.0.0 2.2.0 4.0.0 5.1.0 6.8.0 8.12.0",
    f"{PROVIDER}amazon": "1.0.0 2.6.0 3.4.0 4.1.0 5.1.0 6.0.0",
    f"{PROVIDER}microsoft-azure": "3.9.0",
    "astronomer-providers": "1.19.4",
}
"""Releases by package, of the years in which wheels held example DAGs."""
SDIST, WHEEL = ".tar.gz", "-*.whl"
FOLDERS = ("/tests/system/", "/example_dags/")


class Laid(msgspec.Struct, frozen=True):
    """What was written."""

    count: int
    size_bytes: int


def lay_out(folder: Path, most: int) -> Laid:
    """The folder holds that many of the files, or all there are, each under the release it comes from.

    Files that two releases share count once.
    """
    seen: set[bytes] = set()
    size = 0
    for package, version, ending in _list_releases():
        for name, content in _read_dags(_download(package, version, ending)):
            digest = hashlib.sha256(content).digest()
            if digest in seen or len(seen) >= most:
                continue
            seen.add(digest)
            size += len(content)
            file = folder / f"{package}_{version}".replace("-", "_").replace(".", "_") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return Laid(len(seen), size)


def read_release(provider: str, version: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of the system tests of one release of a provider."""
    return _read_dags(_download(PROVIDER + provider, version, SDIST))


def _list_releases() -> Iterator[tuple[str, str, str]]:
    """Package, version, and how the name of the archive ends."""
    for provider, versions in SDISTS.items():
        yield from ((PROVIDER + provider, version, SDIST) for version in versions.split())
    for package, versions in WHEELS.items():
        yield from ((package, version, WHEEL) for version in versions.split())


def _read_dags(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The files that Airflow would search for DAGs and that compile, named from the folder they lie in."""
    for path, content in _read_wheel(archive) if archive.suffix == ".whl" else _read_sdist(archive):
        if might_hold_dag(content) and read_source(path, content, python=(3, 11)).text:
            yield path.partition(_find_folder(path))[2], content


def _find_folder(path: str) -> str:
    """Which of the folders the file lies in; empty: it is none of ours."""
    return next((folder for folder in FOLDERS if folder in path), "") if path.endswith(".py") else ""


def _read_wheel(archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        yield from ((name, opened.read(name)) for name in opened.namelist() if _find_folder(name))


def _read_sdist(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as opened:
        for member in opened:
            reader = opened.extractfile(member) if member.isfile() and _find_folder(member.name) else None
            if reader is not None:
                yield member.name, reader.read()


def _download(package: str, version: str, ending: str) -> Path:
    """The archive, from the index that pip is set up for; the second call finds it where the first one left it."""
    folder = RIVAL_VENV / "sdists"
    wanted = f"{package.replace('-', '_')}-{version}{ending}"
    if not any(folder.glob(wanted)):
        uv = shutil.which("uv") or str(ROOT / ".venv" / "boot" / "bin" / "uv")
        kind = "--no-binary" if ending == SDIST else "--only-binary"
        command = [uv, "tool", "run", "-q", "pip", "download", "-q", "--no-deps", kind, package, "-d", str(folder)]
        subprocess.run([*command, f"{package}=={version}"], check=True)
    return next(folder.glob(wanted))
