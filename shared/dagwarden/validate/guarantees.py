"""What a sandbox can give."""

from __future__ import annotations

import enum


class Guarantee(enum.StrEnum):
    """What must hold while a stranger's code runs."""

    NO_NETWORK = "no-network"
    NO_PROCESSES = "no-processes"
    NO_SIGNALS = "no-signals"
    NO_PRIVILEGES = "no-privileges"
    NO_SECRETS = "no-secrets"
    NO_WRITES = "no-writes"
    BOUNDED = "bounded"


DEFAULT_GUARANTEES = tuple(Guarantee)
