"""A push waits for approvals of others than its authors, and is neither allowed nor denied meanwhile."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from tests.unit.policy.cases import NOW, approve, make_facts, make_finding, make_policy

from dagwarden.errors import InvalidInput
from dagwarden.lint.finding import Severity
from dagwarden.policy.decide import decide
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.validate.model import Cut, DagModel, FileModel

TWO = """approvals:
  - name: finance
    paths: ["dags/finance/**"]
    needs: 2
    from: ["*@acme.example"]
    expires_after: 2d
"""
FINANCE = ["dags/finance/a.py"]
POLICY = make_policy(TWO)


def decide_with(*approvals: Approval, facts: PushFacts | None = None) -> tuple[Outcome, str]:
    facts = msgspec.structs.replace(facts or make_facts(paths=FINANCE), approvals=approvals)
    decision = decide(POLICY, facts)
    return decision.outcome, "; ".join(finding.message for finding in decision.findings)


def by(who: str, facts: PushFacts | None = None, given_at: dt.datetime = NOW) -> Approval:
    return approve(POLICY, facts or make_facts(paths=FINANCE), who, given_at)


def test_a_push_is_held_until_enough_have_approved_it() -> None:
    assert decide_with()[0] is Outcome.HELD
    outcome, said = decide_with(by("bob@acme.example"))
    assert outcome is Outcome.HELD
    assert said == "`finance` needs 2 of *@acme.example; approved by bob@acme.example"
    assert decide_with(by("bob@acme.example"), by("cat@acme.example")) == (Outcome.ALLOWED, "")


def test_a_decision_names_those_whose_approvals_counted() -> None:
    given = (by("eve@evil.example"), by("bob@acme.example"))
    assert decide(POLICY, msgspec.structs.replace(make_facts(paths=FINANCE), approvals=given)).approved_by == (
        "bob@acme.example",
    )
    assert decide(POLICY, msgspec.structs.replace(make_facts(), approvals=given)).approved_by == ()


def test_other_paths_wait_for_nobody() -> None:
    assert decide_with(facts=make_facts())[0] is Outcome.ALLOWED


def test_one_person_counts_once_however_they_are_written() -> None:
    assert decide_with(by("bob@acme.example"), by("Bob@acme.example"))[0] is Outcome.HELD


def test_nobody_approves_what_they_pushed_or_wrote() -> None:
    facts = make_facts(paths=FINANCE, authors=["Cat <CAT@acme.example>"])
    outcome, said = decide_with(by("ann@acme.example", facts), by("cat@acme.example", facts), facts=facts)
    assert outcome is Outcome.HELD
    assert "not counted: ann@acme.example (it is their own push), cat@acme.example (it is their own push)" in said


PEOPLE = make_policy(
    TWO + "people:\n"
    "  - {name: Ann, principals: [ann@acme.example, ann-key@acme.example, ann@home.example]}\n"
    "  - {name: Bob, principals: [bob@acme.example, Bob-CI@acme.example]}\n"
)


def count_people(*who: str, facts: PushFacts) -> tuple[Outcome, tuple[str, ...]]:
    given = tuple(approve(PEOPLE, facts, each) for each in who)
    decision = decide(PEOPLE, msgspec.structs.replace(facts, approvals=given))
    return decision.outcome, decision.approved_by


def test_nobody_approves_their_own_push_under_another_name() -> None:
    pushed = make_facts(paths=FINANCE, who="ann@acme.example")
    written = make_facts(paths=FINANCE, who="ci@acme.example", authors=["Ann <ANN@home.example>"])
    for facts in (pushed, written):
        assert count_people("ann-key@acme.example", "bob@acme.example", facts=facts) == (
            Outcome.HELD,
            ("bob@acme.example",),
        )
        assert count_people("cat@acme.example", "bob@acme.example", facts=facts)[0] is Outcome.ALLOWED


def test_one_person_under_two_names_is_one_pair_of_eyes() -> None:
    facts = make_facts(paths=FINANCE)
    for names in (["bob@acme.example", "bob-ci@acme.example"], ["bob-ci@acme.example", "bob@acme.example"]):
        assert count_people(*names, facts=facts) == (Outcome.HELD, ("bob-ci@acme.example",))
    assert count_people("bob@acme.example", "cat@acme.example", facts=facts)[0] is Outcome.ALLOWED


def test_one_name_is_not_two_people() -> None:
    with pytest.raises(InvalidInput, match=r"policy.yaml:10: a@acme\.example is Ann already"):
        make_policy(
            "people:\n  - {name: Ann, principals: [A@acme.example, b@x]}\n"
            "  - {name: Al, principals: [a@acme.example, c@x]}\n"
        )


def test_what_a_push_waits_for_names_who_has_approved() -> None:
    facts = make_facts(paths=FINANCE)
    [wait] = decide(POLICY, msgspec.structs.replace(facts, approvals=(by("bob@acme.example"),))).waits
    assert (wait.needs, wait.approved_by) == (2, ("bob@acme.example",))


def test_an_approval_of_another_push_another_policy_or_a_stranger_counts_for_nothing() -> None:
    good = by("bob@acme.example")
    other = by("cat@acme.example", make_facts(paths=FINANCE, authors=["x@acme.example"]))
    older = approve(make_policy(), make_facts(paths=FINANCE), "cat@acme.example")
    unsigned = msgspec.structs.replace(by("cat@acme.example"), principal=Principal(name="cat@acme.example"))
    for poor, why in (
        (other, "of another push"),
        (older, "given under another policy"),
        (by("eve@evil.example"), "not asked"),
        (unsigned, "signed by nobody"),
        (by("cat@acme.example", given_at=NOW + dt.timedelta(hours=1)), "from the future"),
        (by("cat@acme.example", given_at=NOW + dt.timedelta(days=3)), "given too late"),
    ):
        outcome, said = decide_with(good, poor)
        assert (outcome, why in said) == (Outcome.HELD, True), why


def test_a_poor_approval_never_spoils_a_good_one() -> None:
    older = approve(make_policy(), make_facts(paths=FINANCE), "bob@acme.example")
    assert decide_with(older, by("bob@acme.example"), by("cat@acme.example"))[0] is Outcome.ALLOWED


def test_what_was_not_approved_in_time_is_denied() -> None:
    late = make_facts(paths=FINANCE, now=NOW + dt.timedelta(days=2))
    outcome, said = decide_with(by("bob@acme.example"), facts=late)
    assert (outcome, said) == (Outcome.DENIED, "`finance` was not given within 2d")
    assert decide_with(by("bob@acme.example"), by("cat@acme.example"), facts=late)[0] is Outcome.ALLOWED


def test_what_is_denied_anyhow_is_not_held() -> None:
    facts = make_facts(paths=FINANCE, findings=[make_finding("syntax-error", path=FINANCE[0])])
    assert decide_with(facts=facts)[0] is Outcome.DENIED


TAGGED = make_policy('approvals:\n  - name: pii\n    tags: [pii, "gdpr-*"]\n    from: [dpo@acme.example]\n')


@pytest.mark.parametrize(
    ("dag", "outcome"),
    [
        (DagModel(dag_id="a", tags=("pii",)), Outcome.HELD),
        (DagModel(dag_id="a", tags=("x", "gdpr-eu")), Outcome.HELD),
        (DagModel(dag_id="a", unreadable=("tags",)), Outcome.HELD),
        (DagModel(dag_id="a", tags=("x",)), Outcome.ALLOWED),
        (DagModel(dag_id="a"), Outcome.ALLOWED),
    ],
)
def test_tags_of_dags_ask_for_approval(dag: DagModel, outcome: Outcome) -> None:
    facts = msgspec.structs.replace(make_facts(), files=(FileModel(path="dags/team/a.py", dags=(dag,)),))
    assert decide(TAGGED, facts).outcome is outcome


def test_a_dag_that_changes_by_what_it_imports_asks_as_well() -> None:
    policy = make_policy('approvals:\n  - {name: pii, paths: ["dags/crm/**"], tags: [pii], from: [dpo@acme.example]}\n')
    imported = make_facts(paths=["dags/shared/helper.py"])
    for path, outcome in (("dags/crm/a.py", Outcome.HELD), ("dags/other/a.py", Outcome.ALLOWED)):
        dag = DagModel(dag_id="a", tags=("pii",))
        facts = msgspec.structs.replace(imported, files=(FileModel(path=path, dags=(dag,)),))
        assert decide(policy, facts).outcome is outcome


def test_a_model_that_is_cut_may_have_any_tag() -> None:
    cut = FileModel(path="dags/team/a.py", cuts=(Cut(what="tags", kept=256, of=300),))
    assert decide(TAGGED, msgspec.structs.replace(make_facts(), files=(cut,))).outcome is Outcome.HELD


def test_a_file_whose_dags_nobody_read_may_have_any_tag() -> None:
    facts = make_facts()
    unread = msgspec.structs.replace(facts, unread=(facts.changes[0].path,))
    assert decide(TAGGED, unread).outcome is Outcome.HELD


def test_a_finding_asks_for_approval_unless_it_is_waived() -> None:
    text = "approvals:\n  - name: images\n    rules: [latest-image]\n    from: [sec@acme.example]\n"
    waiver = """waivers:
  - rule: latest-image
    paths: ["dags/team/**"]
    justification: rebuilt every night on purpose
    approver: sec@acme.example
    expires_on: 2026-12-31
"""
    facts = make_facts(findings=[make_finding("latest-image", Severity.WARNING)])
    assert decide(make_policy(text), facts).outcome is Outcome.HELD
    assert decide(make_policy(text), make_facts()).outcome is Outcome.ALLOWED
    assert decide(make_policy(text + waiver), facts).outcome is Outcome.ALLOWED


def test_an_unknown_rule_in_an_approval_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InvalidInput, match=r"policy.yaml:10: `latest-imag` is no rule; did you mean `latest-image`\?"):
        make_policy("approvals:\n  - name: a\n    rules: [latest-imag]\n    from: [sec@acme.example]\n")
