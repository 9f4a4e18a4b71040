"""The agent's HTTP port: /healthz for the orchestrator, /metrics for Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from dagwarden.sync.metrics import Metrics

TEXT = ("Content-Type", "text/plain; charset=utf-8")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """A probe every few seconds is no event."""


class Probe:
    """A running HTTP server; `port` is the one it got."""

    def __init__(self, port: int, metrics: Metrics, find_fault: Callable[[], str]) -> None:
        """Serves on `port` (0: a free one) until stopped.

        Args:
            find_fault: what is wrong with the agent; empty while it is healthy.
        """
        show_metrics = make_wsgi_app(metrics.registry)

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            match environ.get("PATH_INFO"):
                case "/metrics":
                    shown: Iterable[bytes] = show_metrics(environ, start_response)
                    return shown
                case "/healthz":
                    fault = find_fault()
                    start_response("503 Service Unavailable" if fault else "200 OK", [TEXT])
                    return [f"{fault or 'ok'}\n".encode()]
                case _:
                    start_response("404 Not Found", [TEXT])
                    return [b"/healthz or /metrics\n"]

        self._server = make_server("", port, answer, server_class=_Server, handler_class=_Quiet)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="probe", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The port is free afterwards."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
