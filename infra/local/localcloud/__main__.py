"""`python -m localcloud --state DIR`: run the local cloud until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from localcloud.server import LOOPBACK, Endpoints, LocalCloud, serve


def main(arguments: list[str] | None = None) -> int:
    """Print one line of JSON (endpoints, environment) when all APIs answer; return 0 after a clean stop."""
    parser = argparse.ArgumentParser(prog="localcloud", description="An embedded local cloud.")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--http-port", type=int, default=0, help="port of the HTTP APIs (default: a free one)")
    parser.add_argument("--pubsub-port", type=int, default=0, help="port of Pub/Sub over gRPC (default: a free one)")
    parser.add_argument("--ready-file", type=Path, help="file to write the same line to")
    given = parser.parse_args(arguments)
    if given.ready_file:
        given.ready_file.unlink(missing_ok=True)
    cloud = LocalCloud(given.state, given.host, given.http_port, given.pubsub_port)
    asyncio.run(serve(cloud, lambda endpoints: _announce(endpoints, given.ready_file)))
    return 0


def _announce(endpoints: Endpoints, ready_file: Path | None) -> None:
    line = json.dumps({"http": endpoints.http, "pubsub": endpoints.pubsub, "environment": endpoints.to_environ()})
    if ready_file:
        draft = ready_file.with_name(ready_file.name + ".draft")
        draft.write_text(line + "\n")
        draft.replace(ready_file)  # whoever waits for the file never reads half of it
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
