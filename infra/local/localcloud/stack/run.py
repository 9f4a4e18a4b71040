"""Runs the stack: the local cloud, the functions under the real functions-framework, the agents."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import msgspec

from localcloud.admin_client import AdminClient
from localcloud.processes import Program, Supervisor
from localcloud.server import LOOPBACK, Endpoints
from localcloud.stack import blueprint as plan
from localcloud.stack.provision import Provisioner

FUNCTIONS_FOLDER = Path(__file__).parents[4] / "functions"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")

QUICK_CLIENTS = {
    "GOOGLE_CLOUD_DISABLE_GRPC": "true",
    "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
}
"""Logging goes over HTTP, so its gRPC half need not be imported; nobody traces, so no bucket need be looked up for it.

Source: google-cloud-logging 3.17 client.py; google-cloud-storage 3.17 _opentelemetry_tracing.py."""


class Ports(msgspec.Struct, frozen=True):
    """The ports of a stack; kept, so that a restarted one is found where it was."""

    http: int
    pubsub: int
    functions: dict[str, int]


class Stack:
    """A stack that keeps everything in one folder.

    Args:
        folder: `cloud/` state, `keys/`, `agents/NAME/` roots, `logs/`, `ports.json`.
        with_functions: also run the functions.
        with_agents: also run the four agents.
    """

    def __init__(self, folder: Path, *, with_functions: bool = True, with_agents: bool = True) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        self.ports = _load_ports(self.folder / "ports.json")
        self.endpoints = Endpoints(f"http://{LOOPBACK}:{self.ports.http}", f"{LOOPBACK}:{self.ports.pubsub}")
        self.admin = AdminClient(self.endpoints.http)
        self.supervisor = Supervisor(self._register)
        self._with_functions = with_functions
        self._with_agents = with_agents

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Everything runs and answers.

        Raises:
            StartFailed: something does not; everything is stopped again.
        """
        try:
            self.supervisor.start(self._cloud_program())
            urls = {name: self._url(name) for name in plan.FUNCTIONS}
            Provisioner(self.endpoints.http, self.endpoints.pubsub).provision(self.folder / "keys", urls)
            programs = [self._function_program(name) for name in plan.ALL_FUNCTIONS] if self._with_functions else []
            if self._with_agents:
                programs += [self.agent_program(agent) for agent in plan.AGENTS]
            self.supervisor.start(*programs)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Everything is stopped; what was kept is kept."""
        self.supervisor.close()
        self.admin.close()

    def environ(self, who: str) -> dict[str, str]:
        """The environment variables with which a process acts as one of the blueprint's accounts."""
        return {
            **self.endpoints.to_environ(),
            **plan.make_settings().to_environ(),
            "DAGWARDEN_ENVIRONMENT": plan.ENVIRONMENT,
            "DAGWARDEN_SERVICE_ACCOUNT": plan.account(who),
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.folder / "keys" / f"{who}.json"),
            "GOOGLE_CLOUD_PROJECT": plan.PROJECT,
            **({"DAGWARDEN_VALIDATE_URL": self._url("validate")} if who == "gate" else {}),
            **QUICK_CLIENTS,
        }

    def _url(self, function: str) -> str:
        return f"http://{LOOPBACK}:{self.ports.functions[function]}"

    def agent_root(self, instance: str) -> Path:
        """The folder an agent keeps its trees in."""
        return self.folder / "agents" / instance

    def agent_program(self, agent: plan.AgentPlan) -> Program:
        """How an agent is run."""
        port = _free_port()
        argv = ("agent", "--environment", plan.ENVIRONMENT, "--component", agent.component)
        more = ("--instance", agent.instance, "--root", str(self.agent_root(agent.instance)), "--port", str(port))
        return Program(
            name=agent.instance,
            argv=(_script("dagwarden"), *argv, *more),
            env={**_inherited(), **self.environ(agent.component), "DAGWARDEN_CALLER": agent.instance},
            log=self.folder / "logs" / f"{agent.instance}.log",
            health_url=f"http://{LOOPBACK}:{port}/healthz",
        )

    def _cloud_program(self) -> Program:
        ready = self.folder / "cloud.ready.json"
        ports = ("--http-port", str(self.ports.http), "--pubsub-port", str(self.ports.pubsub))
        state = ("--state", str(self.folder / "cloud"), "--ready-file", str(ready))
        return Program(
            name="cloud",
            argv=(sys.executable, "-m", "localcloud", *state, *ports),
            env=_inherited(),
            log=self.folder / "logs" / "cloud.log",
            ready_file=ready,
        )

    def _function_program(self, name: str) -> Program:
        port = self.ports.functions[name]
        source = FUNCTIONS_FOLDER / name / "main.py"
        return Program(
            name=name,
            argv=(
                _script("functions-framework"),
                *("--target", name, "--source", str(source)),
                *("--signature-type", "http" if name in plan.CALLED else "cloudevent"),
                *("--host", LOOPBACK, "--port", str(port)),
            ),
            env={**_inherited(), **self.environ(name), "DAGWARDEN_CALLER": name, "TMPDIR": str(self._scratch())},
            log=self.folder / "logs" / f"{name}.log",
            health_url=f"{self._url(name)}/",
        )

    def _scratch(self) -> Path:
        """What functions take for memory; emptied by nobody while they run."""
        folder = self.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def _register(self, program: Program, pid: int) -> None:
        """Let `crash` faults find the process by the names its calls bear."""
        components = {agent.instance: agent.component for agent in plan.AGENTS}
        component = components.get(program.name)
        who = component or program.name
        if who in plan.ACCOUNTS:
            for caller in (plan.account(who), f"agent-{component}" if component else who):
                self.admin.register_process(caller, pid)


@contextmanager
def running_stack(folder: Path, *, with_agents: bool = True) -> Iterator[Stack]:
    """A stack that runs within the block."""
    with Stack(folder, with_agents=with_agents) as stack:
        yield stack


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _script(name: str) -> str:
    """A console script of the environment this Python runs in."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def _load_ports(file: Path) -> Ports:
    """The ports kept, and free ones for what has none yet."""
    kept = (
        msgspec.json.decode(file.read_bytes(), type=Ports) if file.exists() else Ports(_free_port(), _free_port(), {})
    )
    functions = {name: kept.functions.get(name) or _free_port() for name in plan.ALL_FUNCTIONS}
    ports = msgspec.structs.replace(kept, functions=functions)
    file.write_text(json.dumps(msgspec.to_builtins(ports)))
    return ports


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def to_shell(variables: Mapping[str, str]) -> str:
    """Lines that set these variables in a POSIX shell."""
    import shlex

    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
