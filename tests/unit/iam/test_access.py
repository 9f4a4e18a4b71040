"""What principals can in effect do, and by which way."""

from __future__ import annotations

import msgspec

from dagwarden.iam.access import Ability, Matrix, make_matrix
from dagwarden.iam.composer import ComposerState, Config, NodeConfig
from dagwarden.iam.snapshot import Account, ResourcePolicy
from dagwarden.policy.environment import load_environment

from .facts import PLACES, on, take, under, write_policy

ANNA, CI = "user:anna@example.com", "serviceAccount:ci@p.iam.gserviceaccount.com"
PUSHERS = """pushers:
  - name: continuous integration
    principals: [ci@p.iam.gserviceaccount.com]
    paths: ["dags/**"]
    may: [push, rollback]
  - name: readers of nothing
    principals: [anna@example.com]
    paths: ["dags/**"]
"""
OWN = """  service_accounts:
    mirror: mirror@p.iam.gserviceaccount.com
    worker: worker@p.iam.gserviceaccount.com
"""
SIGNS = ("roles/iam.serviceAccountTokenCreator", ANNA)


def matrix_of(*policies: ResourcePolicy, iam: str = OWN, rest: str = PUSHERS) -> Matrix:
    accounts = (Account(email="ci@p.iam.gserviceaccount.com"), Account(email="other@p.iam.gserviceaccount.com"))
    return make_matrix(write_policy(iam, rest), take(*policies, accounts=accounts))


def abilities(matrix: Matrix, principal: str) -> set[Ability]:
    return {ability for row in matrix.rows if row.principal == principal for ability in row.ways}


def test_pushing_takes_both_the_inbox_and_the_policy() -> None:
    creates = ("roles/storage.objectCreator", CI, under("inbox", "prod/pushes/"))
    matrix = matrix_of(on("buckets/inbox", creates))
    assert abilities(matrix, CI) == {Ability.PUSH, Ability.ROLL_BACK}
    [row] = [row for row in matrix.rows if row.principal == CI]
    assert row.ways[Ability.PUSH] == (
        "roles/storage.objectCreator on buckets/inbox under prod/pushes/; `continuous integration` (policy.yaml:4)",
    )
    assert abilities(matrix_of(on("buckets/inbox", creates), rest=""), CI) == set()
    assert abilities(matrix_of(on("buckets/inbox", (creates[0], CI, under("inbox", "dev/pushes/")))), CI) == set()


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
SIGNERS = """signers:
  - principal: anna@example.com
    keys: ["{key}"]
    namespaces: [{namespaces}]
approvals:
  - {{name: leads, from: [anna@example.com]}}
"""


def test_who_signs_by_ssh_key_pushes_and_approves_as_far_as_the_key_may_if_anybody_can_upload() -> None:
    creates = ("roles/storage.objectCreator", CI)
    for namespaces, expected in (
        ('"dagwarden:*"', {Ability.PUSH, Ability.APPROVE}),
        ('"dagwarden:prod"', {Ability.PUSH}),
        ('"dagwarden:prod:approval"', {Ability.APPROVE}),
        ('"git", "dagwarden:dev"', set()),
    ):
        rest = PUSHERS + SIGNERS.format(key=KEY, namespaces=namespaces)
        assert abilities(matrix_of(on("buckets/inbox", creates), rest=rest), ANNA) == expected
        assert abilities(matrix_of(rest=rest), ANNA) == set()


def test_whoever_can_become_an_account_can_do_what_it_can() -> None:
    matrix = matrix_of(
        on("buckets/inbox", ("roles/storage.objectCreator", CI)),
        on("serviceAccounts/ci@p.iam.gserviceaccount.com", SIGNS),
    )
    [anna] = [row for row in matrix.rows if row.principal == ANNA]
    assert anna.ways[Ability.PUSH][0].startswith("gets its tokens, ci@p.iam.gserviceaccount.com, by roles/iam.")
    assert " -> roles/storage.objectCreator on buckets/inbox" in anna.ways[Ability.PUSH][0]


def test_chains_of_accounts_are_followed_and_rings_end() -> None:
    other = "serviceAccount:other@p.iam.gserviceaccount.com"
    role = SIGNS[0]
    matrix = matrix_of(
        on("serviceAccounts/other@p.iam.gserviceaccount.com", (role, ANNA), (role, CI)),
        on("serviceAccounts/ci@p.iam.gserviceaccount.com", (role, other)),
        on("buckets/composer", ("roles/storage.objectUser", CI)),
    )
    assert Ability.RUN_CODE in abilities(matrix, ANNA)
    [anna] = [row for row in matrix.rows if row.principal == ANNA]
    assert anna.ways[Ability.RUN_CODE][0].count(" -> ") == 2


def test_direct_writers_are_told_to_run_code_as_the_environment() -> None:
    matrix = matrix_of(
        on(
            "buckets/composer",
            ("roles/storage.objectUser", ANNA),
            ("roles/storage.objectUser", CI, under("composer", "data/")),
            ("roles/storage.objectUser", "serviceAccount:mirror@p.iam.gserviceaccount.com"),
        )
    )
    assert abilities(matrix, ANNA) == {Ability.WRITE_BUCKET, Ability.RUN_CODE, Ability.READ_SOURCE}
    assert abilities(matrix, CI) == set()
    assert matrix.direct_writers == (ANNA,)


def test_editors_reach_a_bucket_by_its_convenience_members() -> None:
    matrix = matrix_of(
        on("projects/p", ("roles/editor", ANNA)),
        on("buckets/composer", ("roles/storage.legacyBucketOwner", "projectEditor:p")),
    )
    [anna] = [row for row in matrix.rows if row.principal == ANNA]
    assert any("so roles/storage.legacyBucketOwner" in way for way in anna.ways[Ability.WRITE_BUCKET])


def test_who_may_grant_can_write_and_rule() -> None:
    matrix = matrix_of(on("projects/p", ("roles/resourcemanager.projectIamAdmin", ANNA)))
    assert abilities(matrix, ANNA) >= {Ability.WRITE_BUCKET, Ability.RUN_CODE, Ability.CHANGE_POLICY}


def test_changing_the_policy_takes_replacing_it() -> None:
    file = under("store", "prod/policy.yaml")
    assert abilities(matrix_of(on("buckets/store", ("roles/storage.objectCreator", ANNA, file))), ANNA) == set()
    matrix = matrix_of(on("buckets/store", ("roles/storage.objectUser", ANNA, file)))
    assert abilities(matrix, ANNA) == {Ability.CHANGE_POLICY}


def test_the_composer_roles_do_what_they_are_known_for() -> None:
    held = {
        "roles/composer.user": {Ability.READ_SOURCE, Ability.SEE_WEBSERVER},
        "roles/composer.environmentAndStorageObjectViewer": {Ability.READ_SOURCE, Ability.SEE_WEBSERVER},
        "roles/composer.admin": {Ability.READ_SOURCE, Ability.SEE_WEBSERVER, Ability.RUN_CODE},
    }
    for role, expected in held.items():
        assert abilities(matrix_of(on("projects/p", (role, ANNA))), ANNA) == expected
    for role in ("roles/composer.worker", "roles/composer.environmentAndStorageObjectAdmin"):
        found = abilities(matrix_of(on("projects/p", (role, ANNA))), ANNA)
        assert found >= {Ability.WRITE_BUCKET, Ability.RUN_CODE, Ability.READ_SOURCE, Ability.CHANGE_POLICY}


def test_approvers_are_those_the_policy_names_who_reach_the_inbox() -> None:
    rest = "approvals:\n  - name: two pairs of eyes\n    from: ['anna@*']\n"
    creates = ("roles/storage.objectCreator", ANNA, under("inbox", "prod/approvals/"))
    assert abilities(matrix_of(on("buckets/inbox", creates), rest=rest), ANNA) == {Ability.APPROVE}
    assert abilities(matrix_of(on("buckets/inbox", (creates[0], CI, creates[2])), rest=rest), CI) == set()


def test_acting_as_an_account_needs_something_to_deploy() -> None:
    writes = on("buckets/composer", ("roles/storage.objectUser", CI))
    acts = on("serviceAccounts/ci@p.iam.gserviceaccount.com", ("roles/iam.serviceAccountUser", ANNA))
    assert abilities(matrix_of(writes, acts), ANNA) == set()
    deploys = on("projects/p", ("roles/run.developer", ANNA))
    assert Ability.RUN_CODE in abilities(matrix_of(writes, acts, deploys), ANNA)


def test_roles_that_nobody_could_read_are_named() -> None:
    assert matrix_of(on("projects/p", ("projects/p/roles/x", ANNA))).unreadable_roles == ("projects/p/roles/x",)


def test_raw_drops_are_pushes_of_whoever_may_drop() -> None:
    rest = "raw_drops: {allowed: true}\n"
    assert abilities(
        matrix_of(on("buckets/inbox", ("roles/storage.objectCreator", "allUsers")), rest=rest), "allUsers"
    ) == {Ability.PUSH}


def test_whoever_takes_over_what_dags_run_as_runs_code_whichever_file_says_so() -> None:
    """By policy.yaml, by environment.yaml, or by Cloud Composer alone: there the account is the nodes'."""
    described = load_environment(
        b"apiVersion: dagwarden/v1\nkind: Environment\nname: prod\ncomposer: projects/p/locations/l/environments/e\n"
    )
    live = Config(node_config=NodeConfig(service_account="live@p.iam.gserviceaccount.com"))
    for name, more in (
        ("worker", {}),
        ("file", {"places": msgspec.structs.replace(PLACES, accounts=("file@p.iam.gserviceaccount.com",))}),
        ("live", {"composer": ComposerState(described=described, settings=live)}),
        ("nobody", {"composer": ComposerState(described=described, faults=("refused",))}),
    ):
        snapshot = take(on(f"serviceAccounts/{name}@p.iam.gserviceaccount.com", SIGNS))
        matrix = make_matrix(write_policy(OWN), msgspec.structs.replace(snapshot, **more))
        expected = set() if name == "nobody" else {Ability.RUN_CODE}
        assert abilities(matrix, ANNA) == expected
        assert matrix.unread == (("refused",) if name == "nobody" else ())
