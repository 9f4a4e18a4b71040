"""A local cloud in a thread of the process that asks: for tests and benchmarks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.admin_client import AdminClient
from localcloud.server import Endpoints, LocalCloud

_START_TIMEOUT_S = 30.0


class RunningCloud:
    """A started local cloud, seen from another thread. Its services may be touched through its APIs only."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.admin = AdminClient(endpoints.http)

    @property
    def url(self) -> str:
        """The URL of all HTTP APIs."""
        return self.endpoints.http


class _Thread(threading.Thread):
    def __init__(self, folder: Path, http_port: int, grpc_port: int) -> None:
        super().__init__(name="localcloud", daemon=True)
        self._folder = folder
        self._ports = (http_port, grpc_port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._is_decided = threading.Event()
        self._error: BaseException | None = None
        self._endpoints: Endpoints | None = None

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 told to the thread that asked
            self._error = error
        finally:
            self._is_decided.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        cloud = LocalCloud(self._folder, http_port=self._ports[0], grpc_port=self._ports[1])
        await cloud.start()
        self._endpoints = cloud.endpoints
        self._is_decided.set()
        try:
            await self._stopping.wait()
        finally:
            await cloud.stop()

    def await_start(self) -> Endpoints:
        """Where it is reached, once it is."""
        self._is_decided.wait(_START_TIMEOUT_S)
        self.raise_error()
        assert self._endpoints is not None, f"no local cloud after {_START_TIMEOUT_S} s"
        return self._endpoints

    def stop(self) -> None:
        """It has stopped."""
        if self._loop and self._stopping and self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self.join()
        self.raise_error()

    def raise_error(self) -> None:
        """Raise what the thread died of, if it did."""
        if self._error:
            raise self._error


@contextmanager
def running_cloud(folder: Path, http_port: int = 0, grpc_port: int = 0) -> Iterator[RunningCloud]:
    """A local cloud on loopback that keeps its state in `folder`; it has stopped when the block ends."""
    thread = _Thread(folder, http_port, grpc_port)
    thread.start()
    try:
        cloud = RunningCloud(thread.await_start())
        with cloud.admin:
            yield cloud
    finally:
        thread.stop()
