"""Benchmark `cold-start`: each function beside a bare one that does nothing with the same Google clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from localcloud.server import Endpoints
from localcloud.stack import blueprint as plan
from localcloud.stack.run import FUNCTIONS_FOLDER, QUICK_CLIENTS
from tests.benchmarks.figures import median, median_ratio
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale

COLD = "cold-start"
RATIO_AIM = 1.3
DRIVER = "tests.benchmarks.drivers.boot_driver"
ROOT = Path(__file__).parents[2]
NOWHERE = Endpoints("http://127.0.0.1:9", "127.0.0.1:9")
"""Making a client calls nobody."""

_FRAMEWORK = """\
import functions_framework
import google.auth
"""
_FUNCTION = """\

@functions_framework.cloud_event
def {name}(event):
    pass


def make_clients():
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    project = {project!r}
"""
CLIENTS: Mapping[str, tuple[str, str]] = {
    "storage": (
        "from google.cloud import storage\n",
        "storage.Client(project=project, credentials=credentials)",
    ),
    "logging": (
        "import google.cloud.logging\n",
        "google.cloud.logging.Client(project=project, credentials=credentials, _use_grpc=False)",
    ),
    "pubsub": (
        "from google.cloud.pubsub_v1 import PublisherClient\n",
        "PublisherClient(credentials=credentials)",
    ),
    "signing": (
        "from google.auth.transport.requests import AuthorizedSession\n",
        "AuthorizedSession(credentials)",
    ),
}
"""Client -> how a bare function imports and makes it."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "gate": ("storage", "logging", "signing"),
    "notify": ("storage", "logging", "pubsub"),
    "mirror": ("storage", "logging", "pubsub"),
    "record": ("storage", "logging"),
    "iam_guard": ("storage", "logging", "signing"),
}


def measure(folder: Path, scale: Scale) -> list[Row]:
    """All rows."""
    environ = _make_environ(folder)
    rows = []
    for name in plan.FUNCTIONS:
        bare = folder / name / "main.py"
        bare.parent.mkdir()
        bare.write_text(make_bare_main(name))
        for until in ("import", "ready"):
            rows += _measure_pairs(name, until, bare, environ=environ, count=scale.cold_starts)
    return rows


def make_bare_main(name: str) -> str:
    """The main.py of a function that imports and makes the clients that function `name` needs, and does nothing."""
    imports = "".join(CLIENTS[need][0] for need in NEEDS[name])
    makes = "".join(f"    {CLIENTS[need][1]}\n" for need in NEEDS[name])
    return _FRAMEWORK + imports + "\n" + _FUNCTION.format(name=name, project=plan.PROJECT) + makes


def _measure_pairs(name: str, until: str, bare: Path, *, environ: Mapping[str, str], count: int) -> list[Row]:
    ours = FUNCTIONS_FOLDER / name / "main.py"
    mine, theirs = [], []
    for source in (ours, bare):  # bytecode is written, disks are warm
        _boot(name, until, source, environ)
    for _ in range(count):
        mine.append(_boot(name, until, ours, environ))
        theirs.append(_boot(name, until, bare, environ))
    note = f"median of {count} pairs"
    return [
        make_row(COLD, f"{name}: {until}", median(mine), "ms", rival=median(theirs), note=note),
        make_row(COLD, f"{name}: {until}, ours / bare", median_ratio(mine, theirs), "x", aim=RATIO_AIM),
    ]


def _boot(name: str, until: str, source: Path, environ: Mapping[str, str]) -> float:
    """Milliseconds from the start of a fresh interpreter until it has booted."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", DRIVER, name, str(source), until], cwd=ROOT, env=dict(environ), check=True)
    return (time.perf_counter() - begun) * 1000


def _make_environ(folder: Path) -> dict[str, str]:
    key = folder / "key.json"
    key.write_text(json.dumps(_make_key()))
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
        **NOWHERE.to_environ(),
        **plan.make_settings().to_environ(),
        **QUICK_CLIENTS,
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "GOOGLE_CLOUD_PROJECT": plan.PROJECT,
    }


def _make_key() -> dict[str, str]:
    """A service account's key file, of a key made for this run."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": plan.PROJECT,
        "private_key_id": "0" * 40,
        "private_key": pem,
        "client_email": plan.account("gate"),
        "token_uri": f"{NOWHERE.http}/token",
    }
