"""A policy that loads means what it says; one that does not is refused with every fault, file and line."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.policy.environment import load_environment
from dagwarden.policy.load import advise, check_own_rules, load_policy, summarise
from dagwarden.policy.schema import SCHEMAS, render_schema
from dagwarden.wire import digest

ROOT = Path(__file__).parents[3]
DEFAULTS = ROOT / "infra" / "local" / "localcloud" / "defaults"
HEAD = "apiVersion: dagwarden/v1\nkind: Policy\n"
PUSHER = "pushers:\n  - name: ci\n    principals: [ci@acme.example]\n    paths: ['dags/**']\n"


def faults_of(content: bytes) -> list[str]:
    try:
        load_policy(content)
    except InvalidInput as error:
        return error.message.splitlines()
    return []


def refusal(text: str | bytes) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load_policy(text if isinstance(text, bytes) else text.encode())
    return caught.value.message.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # shape
        ("", "policy.yaml:1: is empty"),
        ("# nothing\n", "policy.yaml:1: is empty"),
        ("- a\n", "policy.yaml:1: must be a mapping of keys to values, got a list"),
        ("kind: Policy\n", "policy.yaml:1: `apiVersion: dagwarden/v1` is missing"),
        ("apiVersion: dagwarden/v2\nkind: Policy\n", "policy.yaml:1: `apiVersion` must be `dagwarden/v1`, got"),
        ("apiVersion: dagwarden/v1\nkind: Environment\n", "policy.yaml:2: `kind` must be `Policy`, got `Environment`"),
        (HEAD + "a: [\n", "policy.yaml:4: is no YAML: while parsing a flow node"),
        (HEAD + "a:\n\tb: 1\n", "policy.yaml:4: is no YAML: a tab stands where only spaces may indent"),
        (HEAD + "kind: Policy\n", "policy.yaml:3: `kind` stands here twice, first on line 2"),
        (HEAD + "a: &x 1\nb: *x\n", "policy.yaml:4: aliases (`*name`) are not taken"),
        (
            HEAD + "a: !!python/object:os.system x\n",
            "policy.yaml:3: the tag `tag:yaml.org,2002:python/object:os.system`",
        ),
        (HEAD + "---\nkind: Policy\n", "policy.yaml:3: a second document starts here"),
        (HEAD + "? [a]\n: b\n", "policy.yaml:3: a key must be a plain word"),
        (HEAD + "a: " + "[" * 50 + "]" * 50, "policy.yaml:3: is nested deeper than 40 levels"),
        (b"apiVersion: dagwarden/v1\nkind: \xff\n", "policy.yaml:2: is not UTF-8"),
        (HEAD + "x" * 1_000_000, "policy.yaml:1: has 1000038 bytes; at most 1000000 are read"),
        # schema
        (HEAD + "pusher: []\n", "policy.yaml:3: `pusher` is no key; did you mean `pushers`?"),
        (
            HEAD + "limits: {max_file: 1}\n",
            "policy.yaml:3: `max_file` is no key in `limits`; did you mean `max_files`?",
        ),
        (HEAD + "limits: {max_files: many}\n", "`limits.max_files` must be a whole number, got `many`"),
        (HEAD + "limits: {max_files: '5'}\n", "`limits.max_files` must be a whole number, got `5`"),
        (HEAD + "limits: {max_files: 0}\n", "`limits.max_files` must be a whole number at least 1, got `0`"),
        (HEAD + "limits: {max_deletes_percent: 101}\n", "must be a whole number from 0 to 100, got `101`"),
        (HEAD + "raw_drops: {allowed: yes}\n", "`raw_drops.allowed` must be `true` or `false`, got `yes`"),
        (HEAD + "drift: {changed_files: heel}\n", "got `heel`; did you mean `heal`?"),
        (HEAD + "enforcement: {default: strict}\n", "one of `enforce`, `warn`, `audit`, `off`, got `strict`"),
        (HEAD + "enforcement: {rules: [a]}\n", "`enforcement.rules` must be a mapping of keys to values, got a list"),
        (HEAD + "limits:\n", "policy.yaml:3: `limits` must be a mapping of keys to values, got nothing"),
        (HEAD + "pushers: {name: ci}\n", "`pushers` must be a list (start each item with `- `), got a mapping"),
        (HEAD + "pushers:\n  - name: ci\n    paths: ['**']\n", "policy.yaml:4: `pushers[0].principals` is missing"),
        (HEAD + PUSHER.replace("[ci@acme.example]", "[]"), "`pushers[0].principals` must be a list of at least 1"),
        (HEAD + PUSHER.replace("[ci@acme.example]", "ci"), "policy.yaml:5: `pushers[0].principals` must be a list"),
        (HEAD + PUSHER + "    may: [pull]\n", "policy.yaml:7: `pushers[0].may[0]` must be one of `push`, `force`"),
        # meaning
        (
            HEAD + "enforcement: {rules: {sintax-error: warn}}\n",
            "`sintax-error` is no rule; did you mean `syntax-error`?",
        ),
        (HEAD + "enforcement: {rules: {hard-coded-secret: warn}}\n", "cannot be turned down to `warn`: a secret that"),
        (HEAD + "enforcement: {rules: {path-not-allowed: off}}\n", "cannot be turned down to `off`: who may push"),
        (HEAD + "enforcement: {rules: {path-parent: audit}}\n", "cannot be turned down to `audit`: such a push"),
        (HEAD + PUSHER.replace("dags/**", "/dags/**"), "policy.yaml:6: `/dags/**` starts with `/`"),
        (HEAD + PUSHER.replace("dags/**", "dag/**"), "`dag/**` covers nothing: paths start with `dags/` or `plugins/`"),
        (HEAD + PUSHER.replace("dags/**", "dags/a**"), "`dags/a**` `**` stands alone between `/`"),
        (HEAD + PUSHER.replace("dags/**", "dags/{a,b}/*"), "`[…]` and `{…}` are no globs here"),
        (HEAD + PUSHER.replace("dags/**", "!dags/a"), "`!` does not exclude here"),
        (HEAD + PUSHER.replace("dags/**", "dags/../x"), "`..` covers nothing"),
        (HEAD + PUSHER + PUSHER.partition("\n")[2], "policy.yaml:7: `ci` names two pushers, the first on line 4"),
        (HEAD + PUSHER + "    may: []\n", "policy.yaml:7: `ci` may do nothing; list `push`"),
    ],
)
def test_a_fault_is_named_with_file_line_and_remedy(text: str | bytes, said: str) -> None:
    assert any(said in line for line in refusal(text)), refusal(text)


def test_all_faults_come_at_once_in_the_order_of_their_lines() -> None:
    text = HEAD + "limits: {max_file: 1, max_files: 0}\ndrift: {changed_files: x}\nfoo: 1\n"
    assert [line.split(" ")[0] for line in refusal(text)] == [
        "policy.yaml:3:",
        "policy.yaml:3:",
        "policy.yaml:4:",
        "policy.yaml:5:",
    ]


def test_a_policy_carries_the_digest_of_its_bytes() -> None:
    content = (HEAD + PUSHER).encode()
    assert load_policy(content).digest == digest(content)


def test_clauses_are_lines_of_the_file_and_defaults_point_above() -> None:
    policy = load_policy((HEAD + PUSHER + "limits:\n  max_files: 3\n").encode(), name="prod.yaml")
    assert policy.clause("pushers", 0, "paths") == "prod.yaml:6"
    assert policy.clause("limits", "max_files") == "prod.yaml:8"
    assert policy.clause("limits", "max_push_bytes") == "prod.yaml:7"
    assert policy.clause("raw_drops", "allowed") == "prod.yaml:1"


def test_rules_named_as_unsuppressable_must_exist() -> None:
    text = HEAD + "enforcement:\n  unsuppressable:\n    - latest-image\n    - latest-imago\n"
    assert refusal(text) == [
        "policy.yaml:6: `latest-imago` is no rule; did you mean `latest-image`?; see `dagwarden rules`"
    ]


def test_a_policy_with_rules_of_its_own_is_checked_together_with_them() -> None:
    text = HEAD + "lint: {rules: rules/etl}\nenforcement:\n  rules:\n    no-prod-id: enforce\n    no-prot-id: warn\n"
    policy = load_policy(text.encode())
    check_own_rules(policy, {"no-prod-id", "no-prot-id"})
    with pytest.raises(InvalidInput) as caught:
        check_own_rules(policy, {"no-prod-id"})
    assert caught.value.message == (
        "policy.yaml:7: `no-prot-id` is no rule; did you mean `no-prod-id`?; see `dagwarden rules`"
    )


@pytest.mark.parametrize("folder", ["deltas", "rules/../deltas", "/rules", "rules/", "Rules"])
def test_own_rules_lie_in_a_folder_of_rules(folder: str) -> None:
    assert "`lint.rules` must be a text like" in refusal(HEAD + f"lint: {{rules: {folder}}}\n")[0]


def test_words_that_yaml_takes_for_other_things_stay_words() -> None:
    policy = load_policy((HEAD + "enforcement: {default: off, rules: {latest-image: off}}\n").encode())
    assert (policy.enforcement.default, policy.enforcement.rules) == ("off", {"latest-image": "off"})


def test_what_is_hardly_meant_is_advised_against() -> None:
    empty = load_policy(HEAD.encode())
    assert any("nobody can push" in line for line in advise(empty))
    anybody = load_policy((HEAD + PUSHER.replace("ci@acme.example", '"*"')).encode())
    assert advise(anybody) == ["policy.yaml:5: `ci` covers anybody who can sign, of any project"]
    off = load_policy((HEAD + PUSHER + "enforcement: {default: off}\n").encode())
    assert any("most rules are off" in line for line in advise(off))
    assert advise(load_policy((HEAD + PUSHER).encode())) == []


def test_the_local_defaults_load_without_advice() -> None:
    policy = load_policy((DEFAULTS / "policy.yaml").read_bytes())
    assert summarise(policy, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).advice == ()
    environment = load_environment((DEFAULTS / "environment.yaml").read_bytes())
    assert (environment.name, environment.python, environment.airflow) == ("local", (3, 11), (3, 3))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("name: Prod\n", "environment.yaml:3: `name`: 'Prod' is no environment name"),
        ("name: prod\nbucket: gs://b\n", "environment.yaml:4: `bucket` is the name alone, got `gs://b`"),
        ("name: prod\npython: 3\n", "environment.yaml:4: `python` must be a text like"),
        ("name: prod\ncomponents: [worker, worker]\n", "environment.yaml:4: `components` names one twice"),
        ("name: prod\ncomponents: [workers]\n", "got `workers`; did you mean `worker`?"),
        ("bucket: b\n", "`name` is missing"),
    ],
)
def test_a_broken_environment_is_refused(keys: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_environment(f"apiVersion: dagwarden/v1\nkind: Environment\n{keys}".encode())
    assert said in caught.value.message


def test_an_unquoted_version_stays_what_was_written() -> None:
    content = b"apiVersion: dagwarden/v1\nkind: Environment\nname: prod\npython: 3.10\nairflow: 2.10\n"
    environment = load_environment(content)
    assert (environment.python, environment.airflow) == ((3, 10), (2, 10))


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == render_schema(name)


def test_published_schemas_take_what_loads_and_refuse_what_does_not() -> None:
    schema = json.loads(render_schema("policy.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    policies = [DEFAULTS / "policy.yaml", *(ROOT / "tests" / "policies").glob("*/policy.yaml")]
    for file in policies:
        document = yaml.load(file.read_text(), yaml.BaseLoader)
        # BaseLoader leaves every scalar a text; numbers and booleans are the loader's own tests' matter.
        wrong = [error for error in validator.iter_errors(document) if error.validator != "type"]
        assert wrong == []
        load_policy(file.read_bytes())
    assert not validator.is_valid({"apiVersion": "dagwarden/v1", "kind": "Policy", "pusher": []})
    assert not validator.is_valid({"apiVersion": "dagwarden/v1", "kind": "Policy", "limits": {"max_files": 0}})


@given(st.binary(max_size=120))
def test_any_bytes_are_a_policy_or_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        load_policy(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["enforcement", "pushers", "raw_drops", "drift", "limits", "other"]),
)
def test_any_document_is_a_policy_or_refused(value: object, key: str) -> None:
    content = yaml.safe_dump({"apiVersion": "dagwarden/v1", "kind": "Policy", key: value}).encode()
    assert all(line.startswith("policy.yaml:") for line in faults_of(content))
