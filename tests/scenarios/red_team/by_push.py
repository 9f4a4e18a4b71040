# ruff: noqa: E501 (one attempt a line: literal data)
"""Attempts on the way a file comes in: whose path it is, who signed for it, and what became of it since."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.scenarios.red_team.attempt import FINANCE, SALES

POLICY = """\
apiVersion: dagwarden/v1
kind: Policy
validate:
  imports: skipped
pushers:
  - name: sales
    principals: ["gate-sa@{project}.iam.gserviceaccount.com", "*@sales.example"]
    paths: ["dags/sales/**"]
    sources: ["https://git.example.com/*"]
    refs: ["refs/heads/main"]
  - name: finance
    principals: ["*@finance.example"]
    paths: ["dags/finance/**"]
signers:
  - {{principal: ann@sales.example, keys: ["{keys[ann]}"]}}
  - {{principal: old@sales.example, keys: ["{keys[old]}"], valid_before: 2020-01-01}}
  - {{principal: new@sales.example, keys: ["{keys[new]}"], valid_after: 2999-01-01}}
  - {{principal: git@sales.example, keys: ["{keys[git]}"], namespaces: [git]}}
  - {{principal: bob@finance.example, keys: ["{keys[bob]}"]}}
raw_drops:
  allowed: true
  paths: ["dags/scratch/**"]
teams:
  - name: sales
    paths: ["dags/sales/**"]
    may_use:
      service_accounts: ["etl-sales@acme.iam.gserviceaccount.com"]
      impersonation: ["etl-sales@acme.iam.gserviceaccount.com"]
identities:
  unresolvable: warn
"""
"""Here files are text; what importing them shows is tried in by_argument.py and by_place.py."""
KEYS = ("ann", "old", "new", "git", "bob", "stranger")
"""Whose SSH keys there are; the last one's is in no policy."""
WIDE = """\
apiVersion: dagwarden/v1
kind: Policy
validate:
  imports: skipped
pushers:
  - name: everybody
    principals: ["*@{project}.iam.gserviceaccount.com"]
    paths: ["dags/**", "plugins/**"]
"""
"""What stood in force while `STANDING` was released."""
STANDING = {"dags/finance/standing.py": "a = 1\n", "dags/sales/standing.py": "a = 1\n"}
ELSEWHERE = "https://elsewhere.example.com/finance.git"


class Offer(NamedTuple):
    """A push, or a raw drop of one file."""

    files: dict[str, str] = {}  # noqa: RUF012 (a tuple's default, never changed)
    deletes: tuple[str, ...] = ()
    fields: dict[str, object] = {}  # noqa: RUF012
    """Of push.json, where they are not the usual ones."""
    claims: dict[str, str | int] = {}  # noqa: RUF012
    """Of the attestation, where they are not the usual ones; times are seconds from now."""
    key: str = ""
    """Whose SSH key signs; empty: a service account does."""
    namespace: str = "dagwarden:prod"
    """What the SSH key signs for."""
    message: str = ""
    """What it signs; empty: the id of this push."""
    made_s: int = 0
    """When the push says that it was made, in seconds from now."""
    is_signed: bool = True
    is_dropped: bool = False


class PushAttempt(NamedTuple):
    """One way to get a file in that is not one's own, and its benign twin."""

    name: str
    rule: str
    bad: Offer
    good: Offer


TEXT = "a = 1\n"
OWN = Offer({"dags/sales/own.py": TEXT})


def put(name: str, rule: str, path: str) -> PushAttempt:
    """A file at a path that is not the team's, and one at a path that is."""
    return PushAttempt(name, rule, Offer({path: TEXT}), OWN)


def sign(name: str, good: Offer = OWN, **claims: str | int) -> PushAttempt:
    """An attestation with other claims, and one that is as it should be."""
    return PushAttempt(name, "attestation-invalid", Offer({"dags/sales/signed.py": TEXT}, claims=claims), good)


def press(
    name: str, key: str = "ann", rule: str = "attestation-invalid", good: Offer | None = None, **said: Any
) -> PushAttempt:
    """A signature by an SSH key that does not hold here, and one that does."""
    bad = Offer({"dags/sales/pressed.py": TEXT}, key=key, **said)
    return PushAttempt(name, rule, bad, good or Offer({"dags/sales/own.py": TEXT}, key="ann"))


HOOK = "def load():\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    return GCSHook(impersonation_chain='{}')\n"

BY_PATH_PUSHED: tuple[PushAttempt, ...] = (
    put("another team's folder", "path-not-allowed", "dags/finance/evil.py"),
    put("the folder of nobody", "path-not-allowed", "dags/evil.py"),
    put("a folder that differs in case", "path-not-allowed", "dags/Sales/evil.py"),
    put("a folder spelt with another alphabet's letter", "path-not-allowed", "dags/s\u0430les/evil.py"),
    put("a path in Unicode's other form", "path-not-nfc", "dags/sales/e\u0301vil.py"),
    put("a path that reads from right to left", "path-control-character", "dags/sales/\u202eyp.live"),
    put("`..`", "path-parent", "dags/sales/../finance/evil.py"),
    put("`.`", "path-dot-name", "dags/./sales/evil.py"),
    put("an empty part", "path-empty-part", "dags/sales//evil.py"),
    put("an absolute path", "path-absolute", "/dags/sales/evil.py"),
    put("a plugin, which all teams import", "path-not-allowed", "plugins/evil.py"),
    put("the policy itself", "path-outside-folders", "policy.yaml"),
    put("the name of a file in another case", "path-case-collision", "dags/sales/Standing.py"),
    put("a file in place of a folder", "path-folder-and-file", "dags/sales"),
    PushAttempt("taking another team's file away", "path-not-allowed", Offer(deletes=("dags/finance/standing.py",)), OWN),
    PushAttempt("another team's file by force", "force-not-allowed", Offer({"dags/finance/standing.py": TEXT}, fields={"force": True}), OWN),
    PushAttempt("another repository", "source-not-allowed", Offer({"dags/sales/evil.py": TEXT}, fields={"source": ELSEWHERE}), OWN),
    PushAttempt("a branch nobody reviewed", "ref-not-allowed", Offer({"dags/sales/evil.py": TEXT}, fields={"ref": "refs/heads/evil"}), OWN),
    PushAttempt("an emergency that is none", "emergency-not-allowed", Offer({"dags/sales/evil.py": TEXT}, fields={"break_glass": "I really need this now"}), OWN),
    PushAttempt("going back to what was released once", "rollback-not-allowed", Offer(fields={"rollback_to": 1, "source": "dagwarden"}), OWN),
)  # fmt: skip

BY_SIGNATURE: tuple[PushAttempt, ...] = (
    PushAttempt("no signature", "unattested-push", Offer({"dags/sales/unsigned.py": TEXT}, is_signed=False), OWN),
    sign("the signature of another push", push_id="0" * 64),
    sign("a signature for another environment", aud="dagwarden:lab"),
    sign("a signature for nobody in particular", aud="dagwarden:*"),
    sign("a signature of last week", good=Offer({"dags/sales/own.py": TEXT}, claims={"iat": -630, "exp": -30}), iat=-604_800, exp=-601_200),
    sign("a signature from the future", good=Offer({"dags/sales/own.py": TEXT}, claims={"iat": 30, "exp": 630}), iat=7_200, exp=10_800),
    sign("a signature that lives for half a day", exp=40_000),
    sign("somebody else's name over one's own key", iss=FINANCE, sub=FINANCE),
    sign("somebody else as subject", sub=FINANCE),
    PushAttempt("a file dropped past the team's pushes", "raw-drop-not-allowed", Offer({"dags/sales/dropped.py": TEXT}, is_dropped=True), Offer({"dags/scratch/dropped.py": TEXT}, is_dropped=True)),
    PushAttempt("a file dropped over a released one", "file-of-another-source", Offer({"dags/sales/standing.py": "a = 2\n"}, is_dropped=True), Offer({"dags/scratch/other.py": TEXT}, is_dropped=True)),
    PushAttempt("a hook in a function, pushed", "impersonation-not-allowed", Offer({"dags/sales/hook.py": HOOK.format(FINANCE)}), Offer({"dags/sales/good_hook.py": HOOK.format(SALES)})),
    PushAttempt("a script, pushed", "service-account-not-allowed", Offer({"dags/sales/run.sh": f"gcloud --impersonate-service-account={FINANCE}\n"}), Offer({"dags/sales/good.sh": f"gcloud --impersonate-service-account={SALES}\n"})),
)  # fmt: skip

BY_KEY: tuple[PushAttempt, ...] = (
    press("a key that nobody named", "stranger"),
    press("another team's key", "bob", rule="path-not-allowed", good=Offer({"dags/finance/own.py": TEXT}, key="bob")),
    press("a key whose last day is over", "old"),
    press("a key whose first day is to come", "new"),
    press("a key that may sign commits alone", "git"),
    press("a signature stolen from another push", message="0" * 64),
    press("a signature stolen from another environment", namespace="dagwarden:lab"),
    press("a signature under everybody's namespace", namespace="dagwarden:*"),
    press("the signature of a commit", namespace="git"),
    press("an approval offered as a push's signature", namespace="dagwarden:prod:approval"),
    press("a signature for a push of last week", made_s=-604_800, good=Offer({"dags/sales/own.py": TEXT}, key="ann", made_s=-600)),
    press("a signature for a push of tomorrow", made_s=86_400, good=Offer({"dags/sales/own.py": TEXT}, key="ann", made_s=30)),
)  # fmt: skip
