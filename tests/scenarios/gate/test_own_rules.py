"""The rules a team brings with its policy decide as Dagwarden's own do."""

from __future__ import annotations

from tests.scenarios.gate.desk import POLICY, PROD, Desk

NO_SWAP = """\
id: no-swap
language: python
severity: warning
message: found
note: Write the other.
metadata: {code: ACME1, category: style, since: "1", literals: [[swap]], what: w, why: y, example: e, instead: i}
rule: {pattern: "swap($A, $B)"}
"""


def test_the_team_s_own_rules_decide_and_a_broken_one_denies(desk: Desk) -> None:
    own = "lint: {rules: rules}\nenforcement: {rules: {no-swap: enforce}}\n"
    desk.write_policy(POLICY.format(project=desk.cloud.settings.project) + own)
    name, swap = f"{PROD}/rules/no-swap.yml", "from x import swap\nswap(1, 2)\n"
    store = desk.cloud.store
    rule = store.write(name, NO_SWAP.encode(), generation=None, content_type="application/yaml")
    assert desk.deny(desk.push({"dags/a.py": swap})) == {"no-swap"}
    desk.allow(desk.push({"dags/a.py": "print(1)\n"}))
    broken = NO_SWAP.replace("pattern", "patern").encode()
    store.write(name, broken, generation=rule.generation, content_type="application/yaml")
    assert "rules-unreadable" in desk.deny(desk.push({"dags/b.py": "print(2)\n"}))
    desk.check()
