"""What tasks run as is held against what their team may use: every reason at once, and nothing passes for unknown."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.ledger.state import empty_state
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import Component, EnvironmentName, ReleasePath
from dagwarden.policy.allowances import LISTS, PAGES
from dagwarden.policy.environment import Environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.identities import MAX_TOLD, check_identities
from dagwarden.policy.identity_pages import DOMAIN_WIDE_DELEGATION
from dagwarden.policy.load import load_policy
from dagwarden.policy.mentions import MAX_BYTES, find_mentions
from dagwarden.policy.model import Policy
from dagwarden.policy.teams import MayUse
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import Cut, DagModel, FactKind, FileModel, IdentityFact, Known, TaskModel

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
SALES, FINANCE = "etl-sales@acme.iam.gserviceaccount.com", "etl-finance@acme.iam.gserviceaccount.com"
WORKER = "composer@acme.iam.gserviceaccount.com"
PATH = ReleasePath("dags/sales/a.py")
HEAD = "apiVersion: dagwarden/v1\nkind: Policy\n"
TEAMS = f"""teams:
  - name: sales
    paths: ["dags/sales/**"]
    may_use:
      impersonation: ["{SALES}"]
      connections: ["sales_*"]
"""
PROD = EnvironmentName("prod")


def make_policy(text: str = TEAMS) -> Policy:
    return load_policy((HEAD + text).encode())


def fact(kind: FactKind, value: str = "", known: Known = Known.LITERAL, argument: str = "") -> IdentityFact:
    return IdentityFact(kind=kind, argument=argument or kind.value.replace("-", "_"), value=value, known=known)


def make_file(*facts: IdentityFact, path: str = PATH, **task: object) -> FileModel:
    made = TaskModel(task_id="load", line=7, operator="a.b.Load", facts=facts, **task)  # type: ignore[arg-type]
    return FileModel(path=path, dags=(DagModel(dag_id="etl", tasks=(made,)),))


def check(policy: Policy, *files: FileModel, text: str = "", unread: tuple[ReleasePath, ...] = ()) -> list[Finding]:
    return list(
        check_identities(
            policy,
            PushFacts(
                principal=Principal(name="ci@acme.example", attested_by="jwt"),
                manifest=PushManifest(environment=PROD, source="git", created_at=NOW, changes=()),
                is_raw_drop=False,
                state=empty_state(PROD),
                changes=(),
                files=files,
                unread=unread,
                mentions=tuple(find_mentions(PATH, text.encode())),
                environment=Environment(
                    name=PROD, bucket="", python=(3, 11), airflow=(3, 3), components=tuple(Component),
                    service_accounts=(WORKER,),
                ),
                now=NOW,
            ),
        )
    )  # fmt: skip


def rules_of(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


IMPERSONATED = fact(FactKind.IMPERSONATION, FINANCE, argument="impersonation_chain[1]")


def test_a_refusal_names_all_that_a_reader_needs() -> None:
    (finding,) = check(make_policy(), make_file(IMPERSONATED))
    assert (finding.rule, finding.severity, finding.path, finding.line) == (
        "impersonation-not-allowed", Severity.ERROR, PATH, 7,
    )  # fmt: skip
    assert finding.message == (
        f"`etl.load`: `impersonation_chain[1]` is `{FINANCE}` (given): team `sales` may not use it"
    )
    assert (finding.clause, bool(finding.hint)) == ("policy.yaml:7", True)


def test_every_reason_is_told_at_once() -> None:
    facts = (IMPERSONATED, fact(FactKind.CONNECTION, "finance_db"), fact(FactKind.IMAGE, "evil"))
    found = rules_of(check(make_policy(), make_file(*facts, queue="finance", pool="finance")))
    assert sorted(found) == sorted(
        ["impersonation-not-allowed", "connection-not-allowed", "image-not-allowed", *["pool-or-queue-not-allowed"] * 2]
    )


def test_nothing_is_asked_of_a_policy_without_teams_and_identities() -> None:
    assert check(make_policy(""), make_file(IMPERSONATED)) == []


def test_a_file_of_no_team_may_use_nothing() -> None:
    (finding,) = check(make_policy(), make_file(fact(FactKind.IMPERSONATION, SALES), path="dags/nobody/a.py"))
    assert (finding.rule, finding.clause) == ("impersonation-not-allowed", "policy.yaml:3")
    assert finding.message.endswith("the file is of no team")


def test_a_file_of_several_teams_is_bound_by_each() -> None:
    wider = TEAMS + f"  - name: all\n    paths: ['dags/**']\n    may_use: {{impersonation: ['{FINANCE}']}}\n"
    found = check(make_policy(wider), make_file(IMPERSONATED))
    assert [finding.message.rpartition(": ")[2] for finding in found] == ["team `sales` may not use it"]


def test_what_nobody_lists_is_denied_unless_the_policy_lets_it() -> None:
    image = make_file(fact(FactKind.IMAGE, "any"), queue="any")
    assert len(check(make_policy(), image)) == 2
    allowing = TEAMS + "identities: {default: allow}\n"
    assert check(make_policy(allowing), image) == []
    empty = allowing.replace("connections:", "images: []\n      connections:")
    assert rules_of(check(make_policy(empty), image)) == ["image-not-allowed"]


def test_airflows_own_pool_and_queue_are_everybodys() -> None:
    assert check(make_policy(), make_file(queue="default", pool="default_pool")) == []


UNKNOWN = [
    fact(FactKind.IMPERSONATION, "{{ x }}", Known.TEMPLATED),
    fact(FactKind.CONNECTION, known=Known.UNREADABLE),
    fact(FactKind.ARGUMENTS, known=Known.TEMPLATED),
    fact(FactKind.POD_TEMPLATE, "pod.yaml"),
    fact(FactKind.ENVIRONMENT_VARIABLE, known=Known.TEMPLATED),
]


@pytest.mark.parametrize("default", ["deny", "allow"])
@pytest.mark.parametrize("unknown", UNKNOWN, ids=lambda each: each.kind)
@pytest.mark.parametrize(
    ("ruling", "severity"), [("deny", Severity.ERROR), ("warn", Severity.WARNING), ("allow", Severity.INFO)]
)
def test_what_cannot_be_known_is_ruled_and_never_passed_over(
    default: str, unknown: IdentityFact, ruling: str, severity: Severity
) -> None:
    policy = make_policy(TEAMS + f"identities: {{default: {default}, unresolvable: {ruling}}}\n")
    (finding,) = check(policy, make_file(unknown))
    assert (finding.severity, finding.clause) == (severity, "policy.yaml:9")


def test_models_that_are_not_whole_are_unknown() -> None:
    good = make_file(fact(FactKind.IMPERSONATION, SALES))
    for changes in (
        {"cuts": (Cut(what="facts of task load", kept=1, of=2),)},
        {"patched": ("BashOperator.execute",)},
        {"impostors": ("hidden",)},
        {"dags": (DagModel(dag_id="etl", unreadable=("task_dict",)),)},
    ):
        fields = {name: getattr(good, name) for name in good.__struct_fields__} | changes
        (finding,) = check(make_policy(), FileModel(**fields))
        assert (finding.rule, finding.severity) == ("identities-unknown", Severity.ERROR)
    harmless = FileModel(path=PATH, dags=good.dags, cuts=(Cut(what="tags", kept=1, of=2),))
    assert check(make_policy(), harmless) == []
    assert rules_of(check(make_policy(), unread=(PATH,))) == ["identities-unknown"]
    assert check(make_policy(), unread=(ReleasePath("plugins/a.py"),)) == []


ABSENT = fact(FactKind.IMPERSONATION, known=Known.ABSENT, argument="impersonation_chain")
GOOGLE = fact(FactKind.CONNECTION, "google_cloud_default", Known.DEFAULT, "gcp_conn_id")


@pytest.mark.parametrize(("ruling", "rules"), [("deny", 1), ("warn", 1), ("allow", 0)])
def test_the_environments_own_account_is_ruled(ruling: str, rules: int) -> None:
    policy = make_policy(TEAMS + f"identities: {{environments_own: {ruling}}}\n")
    assert rules_of(check(policy, make_file(ABSENT, GOOGLE))) == ["environment-identity"] * rules
    assert check(policy, make_file(fact(FactKind.IMPERSONATION, SALES, argument="impersonation_chain"), GOOGLE)) == []


def test_accounts_that_no_list_may_hold_are_refused_whatever_it_holds() -> None:
    anybody = TEAMS.replace(SALES, "*") + "identities: {projects: [acme]}\n"
    for account, rule in (
        ("1-compute@developer.gserviceaccount.com", "default-service-account"),
        ("ACME@appspot.gserviceaccount.com", "default-service-account"),
        ("etl-sales@evil.iam.gserviceaccount.com", "service-account-of-another-project"),
        ("service-1@gcp-sa-x.gserviceaccount.com", "service-account-of-another-project"),
        (WORKER, "environment-identity"),
    ):
        assert rules_of(check(make_policy(anybody), make_file(fact(FactKind.IMPERSONATION, account)))) == [rule]


def test_what_must_be_written_out_is_covered_by_no_star() -> None:
    lists = "impersonation: ['*']\n      kubernetes_service_accounts: ['*']\n      environment_variables: ['*']"
    policy = make_policy(TEAMS.replace(f'impersonation: ["{SALES}"]', lists))
    for kind, value in (
        (FactKind.KUBERNETES_SERVICE_ACCOUNT, "default"),
        (FactKind.ENVIRONMENT_VARIABLE, "GOOGLE_APPLICATION_CREDENTIALS"),
        (FactKind.IMPERSONATION, "a@b.c,d"),
    ):
        assert len(check(policy, make_file(fact(kind, value)))) >= 1
    assert check(policy, make_file(fact(FactKind.KUBERNETES_SERVICE_ACCOUNT, "etl"))) == []


def test_many_findings_of_a_rule_are_told_in_part_and_counted() -> None:
    facts = [fact(FactKind.CONNECTION, f"finance_{index}") for index in range(MAX_TOLD + 25)]
    found = check(make_policy(), make_file(*facts))
    assert len(found) == MAX_TOLD + 1
    assert found[-1].message == "and 25 more of these in this file"


def test_text_is_judged_with_what_the_tasks_of_the_file_were_given() -> None:
    text = f"@task\ndef load():\n    GCSHook(impersonation_chain='{FINANCE}')\n"
    (finding, mention) = check(make_policy(), text=text)
    assert (finding.line, mention.line, finding.path) == (3, 3, PATH)
    assert len(check(make_policy(), make_file(IMPERSONATED), text=text)) == 1


def test_an_account_put_together_is_known_by_what_the_tasks_got() -> None:
    text = "def make(team):\n    return Load(impersonation_chain=f'etl-{team}@acme.iam.gserviceaccount.com')\n"
    told = make_file(fact(FactKind.IMPERSONATION, SALES))
    assert rules_of(check(make_policy(), text=text)) == ["identity-unreadable"]
    assert rules_of(check(make_policy(), told, text=text)) == ["identity-unreadable"]
    assert check(make_policy(), told, text=text + "make('sales')\n") == []


@pytest.mark.parametrize(
    "text",
    [
        f'"""Runs as {FINANCE}."""\n',
        f"# {FINANCE}\n",
        "GCSHook(gcp_conn_id=conn)\n",
        "print('no account')\n",
        f"x = = '{FINANCE}'\n",
        "GCSHook('sales_gcp')\n",
        f"GCSHook(impersonation_chain='{SALES}')\n",
    ],
)
def test_text_that_names_nobody_else_passes(text: str) -> None:
    assert check(make_policy(), text=text) == []


def test_pages_are_shared_with_lint_and_each_kind_has_its_lists_and_page() -> None:
    page = load_catalogue().pages[DOMAIN_WIDE_DELEGATION.rule]
    assert (page.code, page.severity) == (DOMAIN_WIDE_DELEGATION.code, DOMAIN_WIDE_DELEGATION.severity)
    assert set(LISTS) == set(PAGES)
    assert {each for lists in LISTS.values() for each in lists} == set(MayUse.__struct_fields__)
    assert set(FactKind) - set(LISTS) == {FactKind.POD_TEMPLATE, FactKind.ARGUMENTS, FactKind.PUBLIC_ADDRESS}


FACTS = st.lists(
    st.builds(
        fact,
        st.sampled_from(FactKind),
        st.sampled_from(["", SALES, FINANCE, "sales_db", "x", "{{ y }}", "default"]),
        st.sampled_from(Known),
    ),
    max_size=8,
)


@given(FACTS, FACTS)
def test_more_facts_never_tell_less(facts: list[IdentityFact], more: list[IdentityFact]) -> None:
    """But where the one that is added says whom an operator acts as that said nobody."""
    more = [each for each in more if each.kind not in {FactKind.IMPERSONATION, FactKind.KUBERNETES_SERVICE_ACCOUNT}]
    more = [each for each in more if each.kind not in {FactKind.NAMESPACE, FactKind.POD_TEMPLATE, FactKind.CONNECTION}]
    few, many = check(make_policy(), make_file(*facts)), check(make_policy(), make_file(*facts, *more))
    assert {(each.rule, each.message) for each in few} <= {(each.rule, each.message) for each in many}


@given(FACTS)
def test_a_list_that_is_taken_away_allows_nothing_more(facts: list[IdentityFact]) -> None:
    shorter = TEAMS.replace('      connections: ["sales_*"]\n', "")
    with_list, without = check(make_policy(), make_file(*facts)), check(make_policy(shorter), make_file(*facts))
    assert {each.message for each in with_list} <= {each.message for each in without}


def test_a_thousand_dags_of_twenty_tasks_are_checked_in_under_a_second() -> None:
    facts = (
        GOOGLE,
        fact(FactKind.IMPERSONATION, SALES),
        fact(FactKind.CONNECTION, "sales_db"),
        fact(FactKind.SECRET, "x"),
    )
    tasks = tuple(TaskModel(task_id=f"t{n}", operator="a.Load", facts=facts, queue="default") for n in range(20))
    files = [FileModel(path=f"dags/sales/{n}.py", dags=(DagModel(dag_id=f"d{n}", tasks=tasks),)) for n in range(1_000)]
    started = time.process_time()
    assert len(check(make_policy(), *files)) == 20_000
    assert time.process_time() - started < 1.0


def test_text_in_a_zip_file_is_read_and_a_broken_one_is_none() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("dag.py", f"who = '{FINANCE}'\n")
        archive.writestr("large.sql", b"x" * (MAX_BYTES + 1))
    (mention,) = find_mentions("dags/sales/a.zip", held.getvalue())
    assert (mention.line, mention.fact.value) == (0, FINANCE)
    assert find_mentions("dags/sales/a.zip", held.getvalue()[:-9]) == []


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6), st.sampled_from(METHODS))
def test_a_zip_file_that_lies_is_read_without_fail(changes: list[tuple[int, int]], method: int) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        archive.writestr("dag.py", f"who = '{FINANCE}'\n" * 20)
    content = bytearray(held.getvalue())
    for place, value in changes:
        content[place % len(content)] = value
    find_mentions("a.zip", bytes(content))


@pytest.mark.parametrize(
    ("call", "is_made"),
    [
        ("Connection('x', 'google_cloud_platform', *[None] * 6, {'key_path': '/finance.json'})", True),
        ("Connection('x', 'gcp', '', '', '', '', '', 0, '{}')", True),
        ("Connection(*parts)", True),
        ("Connection('server', 'user', 'word', 'database')", False),
    ],
)
def test_a_connection_made_by_the_places_of_arguments_is_seen(call: str, is_made: bool) -> None:
    said = [mention.fact.known for mention in find_mentions("a.py", f"def f():\n    {call}\n".encode())]
    assert said == [Known.UNREADABLE] * is_made


@given(st.text(max_size=200))
def test_any_text_is_read_without_fail(text: str) -> None:
    for name in ("a.py", "a.sql", "a.zip"):
        find_mentions(name, text.encode("utf-8", "replace"))


def test_a_long_sum_of_texts_is_read_in_good_time() -> None:
    text = "x = 'a' " + "+ f() + 'b' " * 900
    started = time.process_time()
    find_mentions("a.py", text.encode())
    assert time.process_time() - started < 1.0


REACHED = {
    Known.LITERAL: "strangers reach what it creates",
    Known.ABSENT: "unless this says otherwise",
    Known.TEMPLATED: "at run time only",
    Known.UNREADABLE: "cannot be read",
}


@pytest.mark.parametrize("known", REACHED)
@pytest.mark.parametrize(
    ("ruling", "severity"),
    [("deny", Severity.ERROR), ("warn", Severity.WARNING), ("allow", Severity.INFO), ("", Severity.WARNING)],
)
def test_what_strangers_reach_is_the_policys_to_rule_on(known: Known, ruling: str, severity: Severity) -> None:
    """However it came about: what cannot be known counts as much as what is open."""
    policy = make_policy(TEAMS + (f"identities: {{public_addresses: {ruling}}}\n" if ruling else ""))
    opening = fact(FactKind.PUBLIC_ADDRESS, "true" if known is Known.LITERAL else "", known, "body.ipv4Enabled")
    (finding,) = check(policy, make_file(opening))
    assert (finding.rule, finding.severity) == ("public-address", severity)
    assert REACHED[known] in finding.message
    assert "`body.ipv4Enabled`" in finding.message
    assert finding.clause == ("policy.yaml:9" if ruling else finding.clause)
