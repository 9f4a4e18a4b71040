"""What can go wrong, as one tree: the branch decides what the transport does.

    DagwardenError
    ├── Transient            trying again may help: a function answers 500 and the event is delivered again
    │   ├── Unavailable      a service is overloaded or answered 5xx
    │   │   └── Unreachable  nothing answers where it should be: nobody waits for that
    │   ├── PreconditionFailed  someone newer won: re-read, plan again
    │   └── Contended        someone newer won, again and again, for as often as we are willing to try
    └── Permanent            trying again cannot help: recorded and acknowledged
        ├── InvalidInput     bytes or words from outside that mean nothing here
        ├── NotFound         no such object, topic, release
        ├── AlreadyExists    a create found its name taken
        ├── AccessDenied     the identity may not do this
        ├── Tampered         a digest, signature or chain does not hold
        └── LimitExceeded    an apply would change more than it may

A broken DAG is a finding and a refused push a verdict: values, never exceptions.
"""

from __future__ import annotations


class DagwardenError(Exception):
    """The root: says which operation failed on what, why, and what to do about it.

    Args:
        message: what is wrong, with the value got; never a secret.
        operation: the verb under way, e.g. `commit release`.
        subject: what it was done to, e.g. `prod/releases/0000000124.json`.
        hint: an imperative sentence, or empty.
    """

    def __init__(self, message: str, *, operation: str = "", subject: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        """`operation subject: message (hint)`, leaving out what is empty."""
        where = " ".join(part for part in (self.operation, self.subject) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class Transient(DagwardenError):
    """Trying again may help."""


class Unavailable(Transient):
    """A service is overloaded or answered 5xx."""


class Unreachable(Unavailable):
    """Nothing answers where a service should be."""


class PreconditionFailed(Transient):
    """Someone newer won: re-read and plan again."""


class Contended(Transient):
    """Someone newer won as often as we are willing to try."""


class Permanent(DagwardenError):
    """Trying again cannot help."""


class InvalidInput(Permanent):
    """Bytes or words from outside that mean nothing here."""


class NotFound(Permanent):
    """There is no such thing."""


class AlreadyExists(Permanent):
    """A create found its name taken."""


class AccessDenied(Permanent):
    """The identity may not do this."""


class Tampered(Permanent):
    """A digest, a signature or the chain does not hold."""


class LimitExceeded(Permanent):
    """An apply would change more than it may; it changed nothing."""
