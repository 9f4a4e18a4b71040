"""IAM policies of projects and service accounts: kept with an etag, compared, judged."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.iam.roles import ROLES
from localcloud.rest import ApiError
from localcloud.state import State

_SCHEMA = """
CREATE TABLE IF NOT EXISTS iam_policies (resource TEXT PRIMARY KEY, policy TEXT NOT NULL) STRICT;
"""

Policy = Mapping[str, Any]

_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(?:deleted:)?(?:user|serviceAccount|group):[^\s:]+"
    r"|(?:domain|projectOwner|projectEditor|projectViewer):[^\s:]+|principal(?:Set)?://\S+"
)
_ROLE = re.compile(r"(?:(?:projects|organizations)/[^/\s]+/)?roles/[A-Za-z0-9_.]+")
_PREFIX = re.compile(r'\s*\(?\s*resource\.name\.startsWith\(\s*(?:"([^"\\]*)"|\'([^\'\\]*)\')\s*\)\s*\)?\s*')
_MAX_MEMBERS = 1500
"""Source: IAM quotas: 1,500 principals in one policy."""


class Policies:
    """The policies that lie on projects and service accounts (a bucket's lies with the bucket)."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.db.executescript(_SCHEMA)

    def get(self, resource: str) -> dict[str, Any]:
        """The policy on `resource` (`projects/P`, `projects/P/serviceAccounts/E`), with its etag."""
        row = self._state.db.execute("SELECT policy FROM iam_policies WHERE resource = ?", (resource,)).fetchone()
        kept = json.loads(row["policy"]) if row else {"version": 1, "bindings": []}
        audit = {"auditConfigs": kept["audit"]} if kept.get("audit") else {}
        return {"version": kept["version"], "bindings": kept["bindings"], **audit, "etag": etag_of(kept)}

    def set(self, resource: str, policy: Policy) -> dict[str, Any]:
        """The policy lies on `resource` afterwards; returns it with its new etag.

        Raises:
            ApiError: it is no policy, or its etag is not that of the policy it would replace.
        """
        bindings = read_bindings(policy)
        version = 3 if any("condition" in binding for binding in bindings) else 1
        with self._state.transaction() as db:
            now = self.get(resource)
            if policy.get("etag") not in (None, "", now["etag"]):
                raise ApiError(
                    "ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write."
                )
            audit = policy["auditConfigs"] if "auditConfigs" in policy else now.get("auditConfigs")
            text = json.dumps({"version": version, "bindings": bindings, "audit": audit, "was": now["etag"]})
            db.execute("REPLACE INTO iam_policies VALUES (?, ?)", (resource, text))
        return self.get(resource)

    def delete(self, resource: str) -> None:
        """No policy lies on `resource` afterwards."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM iam_policies WHERE resource = ?", (resource,))


def etag_of(policy: Policy) -> str:
    """A text that differs from those of all policies that lay there before."""
    return base64.b64encode(hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).digest()[:9]).decode()


def read_bindings(policy: Policy) -> list[dict[str, Any]]:
    """The bindings of a policy that a client sent.

    Raises:
        ApiError: a role, a member or a condition is none.
    """
    bindings = policy.get("bindings") or []
    if not isinstance(bindings, list):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'policy.bindings': a list is needed.")
    read = [_read_binding(binding) for binding in bindings]
    if sum(len(binding["members"]) for binding in read) > _MAX_MEMBERS:
        raise ApiError("INVALID_ARGUMENT", f"Policies may have at most {_MAX_MEMBERS} members.")
    return [binding for binding in read if binding["members"]]


def _read_binding(binding: Any) -> dict[str, Any]:
    if not isinstance(binding, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'policy.bindings': an object is needed.")
    role, members = binding.get("role"), binding.get("members") or []
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise ApiError("INVALID_ARGUMENT", f"Role {role!r} is no role.")
    if not isinstance(members, list):
        raise ApiError("INVALID_ARGUMENT", f"The members of {role} are no list.")
    for member in members:
        if not isinstance(member, str) or not _MEMBER.fullmatch(member):
            raise ApiError("INVALID_ARGUMENT", f"Invalid member {member!r}: a kind and a name are needed.")
    read = {"role": role, "members": sorted(set(members))}
    condition = binding.get("condition")
    return {**read, "condition": _read_condition(condition)} if condition else read


def _read_condition(condition: Any) -> dict[str, Any]:
    if not isinstance(condition, dict) or prefixes_of(condition) is None:
        raise ApiError(
            "INVALID_ARGUMENT",
            'The local cloud knows one condition: resource.name.startsWith("…"), alone or several joined by ||.',
        )
    return condition


def prefixes_of(condition: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The resource-name prefixes a condition admits; None when it says anything else."""
    alternatives = [_PREFIX.fullmatch(part) for part in str(condition.get("expression", "")).split("||")]
    return None if None in alternatives else tuple(a[1] or a[2] or "" for a in alternatives if a)


def granted_roles(policy: Policy, members: frozenset[str], resource_name: str) -> Iterator[str]:
    """The roles that a policy gives to one of `members` for one resource. Bindings it cannot judge give none."""
    for binding in policy.get("bindings") or ():
        condition = binding.get("condition")
        prefixes = prefixes_of(condition) if condition else ("",)
        if members.intersection(binding.get("members", ())) and resource_name.startswith(prefixes or ("\0",)):
            yield str(binding.get("role"))


def grants(policy: Policy, members: frozenset[str], permission: str, resource_name: str) -> bool:
    """Whether a policy gives one of `members` the permission on one resource."""
    roles = granted_roles(policy, members, resource_name)
    return any(permission in ROLES.get(role, frozenset()) for role in roles)


def deltas(before: Policy, after: Policy) -> list[dict[str, Any]]:
    """What came and went between two policies, as audit entries tell it."""
    old, new = set(_triples(before)), set(_triples(after))
    changes = [("ADD", triple) for triple in sorted(new - old)] + [("REMOVE", triple) for triple in sorted(old - new)]
    return [_delta(action, *triple) for action, triple in changes]


def _triples(policy: Policy) -> Iterator[tuple[str, str, str]]:
    for binding in policy.get("bindings") or ():
        condition = json.dumps(binding["condition"], sort_keys=True) if binding.get("condition") else ""
        for member in binding.get("members", ()):
            yield str(binding.get("role")), str(member), condition


def _delta(action: str, role: str, member: str, condition: str) -> dict[str, Any]:
    delta = {"action": action, "role": role, "member": member}
    return {**delta, "condition": json.loads(condition)} if condition else delta
