"""Boots a function as functions-framework does before it listens: `boot_driver TARGET SOURCE import|ready`."""

from __future__ import annotations

import os
import sys

from functions_framework import create_app

CLIENTS = {
    "gate": ("inbox", "audit_log", "signer"),
    "notify": ("ledger", "audit_log", "topics"),
    "mirror": ("ledger", "audit_log", "topics"),
    "record": ("store", "audit_log"),
    "iam_guard": ("store", "audit_log", "iam"),
}
"""What the first event makes, by the names of dagwarden.cloud.clients.Cloud."""


def main() -> None:
    target, source, until = sys.argv[1:]
    create_app(target, source)  # type: ignore[no-untyped-call]
    module = sys.modules["main"]
    if until == "ready":
        if hasattr(module, "make_clients"):
            module.make_clients()
        else:
            cloud = module.make_cloud()
            for name in CLIENTS[target]:
                getattr(cloud, name)
    os._exit(0)


if __name__ == "__main__":
    main()
