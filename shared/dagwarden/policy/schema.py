"""The JSON Schemas of the files a platform team writes, for editors to check and complete them by."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from dagwarden.documents import json_schema
from dagwarden.policy.cases import CasesFile
from dagwarden.policy.environment import EnvironmentFile
from dagwarden.policy.model import PolicyFile
from dagwarden.policy.rules import index_rules

SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "policy.schema.json": PolicyFile,
    "environment.schema.json": EnvironmentFile,
    "policy-cases.schema.json": CasesFile,
}
"""File name under docs/ -> what it is the schema of."""


def render_schema(name: str) -> str:
    """The text of one of SCHEMAS. The policy's names every rule that may be levelled, so that editors complete them."""
    kind = SCHEMAS[name]
    schema: dict[str, Any] = json_schema(kind, title=f"Dagwarden {name.partition('.')[0]}")
    if kind is PolicyFile:
        sections, rules = schema["$defs"], {"$ref": "#/$defs/Rule"}
        sections["Rule"] = {"enum": sorted(index_rules())}
        for section in ("Enforcement", "Override"):
            sections[section]["properties"]["rules"]["propertyNames"] = rules
        sections["Enforcement"]["properties"]["unsuppressable"]["items"] = rules
        sections["Approvals"]["properties"]["rules"]["items"] = rules
        sections["Waiver"]["properties"]["rule"] |= rules
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
