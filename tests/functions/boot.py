"""Boots one function's real main.py under functions-framework, posts events to it, prints the statuses as JSON.

Run in a process of its own: functions-framework writes to os.environ and loads every main.py as the module `main`.

Usage: boot.py TARGET SOURCE < [[HEADERS, BODY], …]
"""

import json
import logging
import sys

from functions_framework import create_app


def main() -> None:
    target, source = sys.argv[1:]
    posts = json.load(sys.stdin)
    app = create_app(target, source)  # type: ignore[no-untyped-call]
    before = sorted(name for name in sys.modules if name.startswith("google.cloud."))
    logging.disable()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    statuses = [client.post("/", headers=headers, data=body).status_code for headers, body in posts]
    after = sorted(name for name in sys.modules if name.startswith("google.cloud."))
    print(json.dumps({"statuses": statuses, "imported_at_start": before, "imported": after}))


if __name__ == "__main__":
    main()
