"""The files that benchmark `lint` reads: the system tests of Airflow's providers, which are its example DAGs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dagwarden.lint.airflow_ignore import might_hold_dag
from dagwarden.lint.compiles import read_source
from tests.benchmarks.agents import RIVAL_VENV, ROOT

SOURCES = (
    ("google", "15.1.0"), ("google", "16.1.0"), ("google", "17.0.0"), ("google", "18.0.0"), ("google", "20.0.0"),
    ("google", "22.8.0"), ("amazon", "9.8.0"), ("amazon", "9.12.0"), ("amazon", "9.39.0"), ("common-ai", "1.0.0"),
    ("microsoft-azure", "15.2.1"), ("openlineage", "2.20.3"), ("standard", "1.21.0"),
)  # fmt: skip
"""Source distributions: wheels lack the tests. Files that two releases share count once."""
FOLDERS = ("/tests/system/", "/example_dags/")


class Laid(msgspec.Struct, frozen=True):
    """What was written."""

    count: int
    size_bytes: int


def lay_out(folder: Path, most: int) -> Laid:
    """The folder holds that many of the files, or all there are, each under the source it comes from."""
    seen: set[bytes] = set()
    size = 0
    for source, version in SOURCES:
        for name, content in _read_dags(_download(source, version)):
            digest = hashlib.sha256(content).digest()
            if digest in seen or len(seen) >= most:
                continue
            seen.add(digest)
            size += len(content)
            file = folder / f"{source}_{version.replace('.', '_')}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return Laid(len(seen), size)


def read_release(source: str, version: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of the system tests of one release of a provider."""
    return _read_dags(_download(source, version))


def _read_dags(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The files that Airflow would search for DAGs and that compile, named from the folder they lie in."""
    with tarfile.open(archive) as opened:
        for member in opened:
            place = next((folder for folder in FOLDERS if folder in member.name), None)
            if place is None or not member.isfile() or not member.name.endswith(".py"):
                continue
            reader = opened.extractfile(member)
            content = reader.read() if reader else b""
            if might_hold_dag(content) and read_source(member.name, content, python=(3, 11))[0]:
                yield member.name.partition(place)[2], content


def _download(source: str, version: str) -> Path:
    """The archive, from the index that pip is set up for; the second call finds it where the first one left it."""
    package = f"apache-airflow-providers-{source}"
    folder = RIVAL_VENV / "sdists"
    archive = folder / f"{package.replace('-', '_')}-{version}.tar.gz"
    if not archive.exists():
        uv = shutil.which("uv") or str(ROOT / ".venv" / "boot" / "bin" / "uv")
        command = [
            uv,
            "tool",
            "run",
            "-q",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            package,
            "-d",
            str(folder),
        ]
        subprocess.run([*command, f"{package}=={version}"], check=True)
    return archive
