"""What API calls cost at list price."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

PUBSUB_MINIMUM_BYTES = 1000
TIB = 2**40
GIB = 2**30


class Price(msgspec.Struct, frozen=True):
    """US dollars for so many units."""

    usd: float
    per: float
    source: str


PRICES: dict[str, Price] = {
    "class_a": Price(0.005, 1_000, "cloud.google.com/storage/pricing: Class A, Standard storage, single region"),
    "class_b": Price(0.0004, 1_000, "cloud.google.com/storage/pricing: Class B, Standard storage, single region"),
    "pubsub_byte": Price(40.0, TIB, "cloud.google.com/pubsub/pricing: throughput, at least 1,000 bytes a request"),
    "log_byte": Price(0.50, GIB, "cloud.google.com/stackdriver/pricing: Logging storage"),
    "invocation": Price(0.40, 1_000_000, "cloud.google.com/run/pricing: requests, tier 1"),
}
"""List prices in US dollars, no free tier deducted; storage's read in November 2026, the others' from copies of the
pages named, which carry no date. Eventarc takes nothing for Google's own events and IAM nothing for signing; what
Eventarc moves over Pub/Sub is charged as Pub/Sub."""

CLASS_A = ("insert", "list", "patch", "update", "compose", "copy", "rewrite", "move", "setIamPolicy")
CLASS_B = ("get", "download", "getIamPolicy", "testIamPermissions")
"""Verbs of Cloud Storage methods by their class; `delete` is free.

Source: cloud.google.com/storage/pricing, operations by class."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used, per push or per period."""

    class_a: float = 0
    class_b: float = 0
    pubsub_bytes: float = 0
    log_bytes: float = 0
    invocations: float = 0


def classify(method: str) -> str:
    """`class_a`, `class_b` or `free`, of a Cloud Storage method as the local cloud counts it.

    >>> classify("objects.insert"), classify("objects.download"), classify("objects.delete")
    ('class_a', 'class_b', 'free')

    Raises:
        ValueError: its price is not known.
    """
    verb = method.rpartition(".")[2]
    if verb in CLASS_A:
        return "class_a"
    if verb in CLASS_B:
        return "class_b"
    if verb == "delete":
        return "free"
    raise ValueError(f"no price is known for {method}")


def use_storage(calls: Mapping[str, float]) -> Usage:
    """The billed operations among these calls of Cloud Storage, by method."""
    counted = {"class_a": 0.0, "class_b": 0.0, "free": 0.0}
    for method, count in calls.items():
        counted[classify(method)] += count
    return Usage(class_a=counted["class_a"], class_b=counted["class_b"])


def cost_usd(usage: Usage) -> dict[str, float]:
    """What the usage costs, by service.

    >>> cost_usd(Usage(class_a=1000))["storage"]
    0.005
    """
    return {
        "storage": _cost("class_a", usage.class_a) + _cost("class_b", usage.class_b),
        "pubsub": _cost("pubsub_byte", usage.pubsub_bytes),
        "logging": _cost("log_byte", usage.log_bytes),
        "functions": _cost("invocation", usage.invocations),
    }


def _cost(name: str, amount: float) -> float:
    price = PRICES[name]
    return amount * price.usd / price.per
