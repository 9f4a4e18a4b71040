"""The local cloud as one process: all services over one state, one HTTP port, one gRPC port."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
import socket
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from localcloud import admin, storage
from localcloud.calls import Calls
from localcloud.composer.api import ComposerApi
from localcloud.eventarc.api import TriggersApi
from localcloud.eventarc.service import Eventarc
from localcloud.iam.service import Iam
from localcloud.logs.api import LogsApi
from localcloud.logs.store import LogStore
from localcloud.pubsub import PubSub
from localcloud.state import State

LOOPBACK = "127.0.0.1"


class Endpoints(msgspec.Struct, frozen=True):
    """Where a running local cloud is reached."""

    http: str
    """URL of storage, logging, IAM, Eventarc, Composer and admin, e.g. `http://127.0.0.1:9023`."""
    pubsub: str
    """`HOST:PORT` of Pub/Sub over gRPC."""

    def to_environ(self) -> dict[str, str]:
        """The environment variables that point Google's clients and Dagwarden here."""
        return {
            "STORAGE_EMULATOR_HOST": self.http,
            "PUBSUB_EMULATOR_HOST": self.pubsub,
            "DAGWARDEN_LOGGING_ENDPOINT": self.http,
            "DAGWARDEN_IAM_ENDPOINT": self.http,
            "DAGWARDEN_COMPOSER_ENDPOINT": self.http,
            "DAGWARDEN_CERTIFICATES_ENDPOINT": self.http,
        }


class LocalCloud:
    """All services. What they keep lies in `state_folder`: a cloud started there again knows everything.

    Args:
        state_folder: made if missing.
        host: the address to listen on; loopback unless told otherwise.
        http_port: 0 for a free one.
        grpc_port: 0 for a free one.

    Raises:
        BlockingIOError: another local cloud runs on that folder.
    """

    def __init__(self, state_folder: Path, host: str = LOOPBACK, http_port: int = 0, grpc_port: int = 0) -> None:
        self._host = host
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._endpoints: Endpoints | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.calls = Calls()
        state_folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(state_folder)
        self.state = State(state_folder)
        self.logs = LogStore(self.state)
        self.iam = Iam(self.state, self._find_bucket_policy, self.logs.append_raw)
        self.pubsub = PubSub(self.state, self.calls, self.iam.tokens.sign_oidc)
        self.eventarc = Eventarc(self.state, self.pubsub, self.iam.accounts)
        self.logs.listen(self.eventarc.take_log_entry)
        self._storage_routes = storage.routes(self.state, self.calls, self.pubsub, self.eventarc, self.iam.access)

    @property
    def endpoints(self) -> Endpoints:
        """Where it is reached; it must have been started."""
        assert self._endpoints is not None, "the local cloud is not started"
        return self._endpoints

    async def start(self) -> None:
        """All ports are open and answer.

        Raises:
            OSError: a port is taken; everything is closed then.
        """
        try:
            with contextlib.ExitStack() as on_error:
                await self._serve(on_error.enter_context(self._listen()))
                on_error.pop_all()
        except BaseException:
            await self.stop()
            raise

    def _listen(self) -> socket.socket:
        listener = socket.create_server((self._host, self._http_port), backlog=2048)
        # asyncio sets this only where the socket names its protocol; without it each answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        grpc_port = await self.pubsub.start(self._host, self._grpc_port)
        http_port = listener.getsockname()[1]
        self._endpoints = Endpoints(f"http://{self._host}:{http_port}", f"{self._host}:{grpc_port}")
        self._server = _Server(_configure(Starlette(routes=self._routes())))
        self._serving = asyncio.get_running_loop().create_task(self._server.serve([listener]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """All ports are closed, deliveries have ended, the state is on disk."""
        if self._server and self._serving:
            self._server.should_exit = True
            await self._serving
        await self.pubsub.stop()
        self.state.close()
        self._lock.close()

    def _routes(self) -> list[BaseRoute]:
        return [
            *admin.routes(self.calls, {"http": self.endpoints.http, "pubsub": self.endpoints.pubsub}),
            *LogsApi(self.logs, self.iam.access).routes(self.calls),
            *TriggersApi(self.eventarc, self.iam.access).routes(self.calls),
            *ComposerApi(self.state, self.iam.access).routes(self.calls),
            *self.iam.routes(self.calls),
            *self._storage_routes,
        ]

    def _find_bucket_policy(self, bucket: str) -> tuple[str, Mapping[str, Any]] | None:
        row = self.state.db.execute("SELECT project FROM storage_buckets WHERE name = ?", (bucket,)).fetchone()
        policy = storage.bucket_policy(self.state, bucket)
        return None if row is None or policy is None else (str(row["project"]), policy)


def _lock(folder: Path) -> IO[bytes]:
    """The lock file, held until it is closed or the process dies."""
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BlockingIOError(f"another local cloud runs on {folder}; stop it or give another folder") from None
    return file


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """No handler is set."""
        yield


def _configure(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
    )


async def serve(cloud: LocalCloud, on_ready: Callable[[Endpoints], None]) -> None:
    """Run `cloud` until SIGTERM or SIGINT, then stop it cleanly."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    await cloud.start()
    try:
        on_ready(cloud.endpoints)
        await stopping.wait()
    finally:
        await cloud.stop()
