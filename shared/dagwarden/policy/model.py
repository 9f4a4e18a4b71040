"""What a policy says, as frozen values: the schema of policy.yaml."""

from __future__ import annotations

import enum
from typing import Annotated, Literal

from msgspec import Meta

from dagwarden.documents import Document
from dagwarden.names import Digest
from dagwarden.policy.approvals import Approvals
from dagwarden.policy.break_glass import BreakGlass
from dagwarden.policy.conditions.section import Condition
from dagwarden.policy.iam import Iam
from dagwarden.policy.levels import Enforcement
from dagwarden.policy.people import Person
from dagwarden.policy.section import Bytes, Count, Glob, Name, Paths, Percent, Principals, Section
from dagwarden.policy.signers import Signer
from dagwarden.policy.teams import Identities, Team
from dagwarden.policy.waivers import Waiver
from dagwarden.policy.windows import Window
from dagwarden.validate.guarantees import DEFAULT_GUARANTEES, Guarantee


class Action(enum.StrEnum):
    """What a pusher may do to the paths of its entry."""

    PUSH = "push"
    FORCE = "force"
    ROLLBACK = "rollback"


class Lint(Section, frozen=True, kw_only=True):
    """What files are looked at for."""

    rules: Annotated[
        str,
        Meta(
            pattern=r"^(rules(/[a-z0-9][a-z0-9-]*)*)?$",
            description="folder of rules of your own (*.yml), beside this file; empty: none",
        ),
    ] = ""


class Validation(Section, frozen=True, kw_only=True):
    """How the imports of DAG files are bounded, and what must hold around them."""

    imports: Annotated[
        Literal["required", "skipped"],
        Meta(description="whether DAG files are imported before they are released; `skipped`: only their text is read"),
    ] = "required"
    rollbacks: Annotated[
        Literal["imported", "skipped"],
        Meta(
            description="whether what a rollback brings back is imported too, and held against teams and conditions as "
            "they are now; `skipped`: it was judged when it was pushed"
        ),
    ] = "skipped"
    import_timeout_s: Annotated[float, Meta(ge=0.1, le=600, description="seconds one import may take")] = 30.0
    memory_bytes: Annotated[int, Meta(ge=67_108_864, description="bytes one import may take, beyond Airflow's")] = (
        536_870_912
    )
    slow_import_s: Annotated[float, Meta(ge=0.01, description="seconds from which an import is called slow")] = 2.0
    heavy_import_s: Annotated[float, Meta(ge=0.01, description="seconds from which one module is called heavy")] = 0.5
    required: Annotated[
        tuple[Guarantee, ...],
        Meta(description="what the sandbox must give; nothing is imported on a host that cannot: `dagwarden doctor`"),
    ] = DEFAULT_GUARANTEES


class Pusher(Section, frozen=True, kw_only=True):
    """Who may do what to which paths, from which source and ref. What no entry covers is refused."""

    name: Name
    principals: Principals
    paths: Paths
    sources: Annotated[tuple[Glob, ...], Meta(description="repositories; `*` stands for any text")] = ("*",)
    refs: Annotated[tuple[Glob, ...], Meta(description="git refs, in full; `*` stops at `/`, `**` does not")] = ("**",)
    commits: Annotated[
        Literal["any", "signed"], Meta(description="`signed`: one of `signers` must have signed the commit pushed")
    ] = "any"
    may: tuple[Action, ...] = (Action.PUSH,)


class RawDrops(Section, frozen=True, kw_only=True):
    """Whether a single file dropped into the inbox, signed by nobody, is taken."""

    allowed: bool = False
    paths: tuple[Glob, ...] = ("dags/**", "plugins/**")
    deletes: Annotated[bool, Meta(description="whether deleting a dropped object takes the file away")] = False


class Drift(Section, frozen=True, kw_only=True):
    """What the mirror does about what lies in the environment's bucket and is not what the ledger says."""

    changed_files: Annotated[
        Literal["heal", "report"], Meta(description="a released file was overwritten or deleted")
    ] = "heal"
    unknown_files: Annotated[Literal["remove", "report"], Meta(description="a file no release ever put there")] = (
        "report"
    )


class Limits(Section, frozen=True, kw_only=True):
    """How much one push may change; past a limit it changes nothing."""

    max_push_bytes: Bytes = 268_435_456
    max_files: Annotated[int, Meta(ge=1, description="files put and deleted by one push")] = 20_000
    max_file_bytes: Bytes = 16_777_216
    max_deletes_percent: Annotated[
        Percent, Meta(description="of the files that the same source has released here; of all files in a rollback")
    ] = 50
    always_allowed_deletes: Annotated[Count, Meta(description="deletes that the percentage does not apply to")] = 20
    max_import_s: Annotated[
        float, Meta(ge=0.1, description="seconds the import of one DAG file may take; Airflow itself gives up after 30")
    ] = 30.0


class PolicyFile(Section, frozen=True, kw_only=True):
    """The keys of policy.yaml."""

    apiVersion: Literal["dagwarden/v1"]  # noqa: N815 (the key as Kubernetes spells it)
    kind: Literal["Policy"]
    enforcement: Enforcement = Enforcement()
    lint: Lint = Lint()
    validate: Validation = Validation()
    signers: tuple[Signer, ...] = ()
    people: tuple[Person, ...] = ()
    pushers: tuple[Pusher, ...] = ()
    raw_drops: RawDrops = RawDrops()
    drift: Drift = Drift()
    limits: Limits = Limits()
    teams: tuple[Team, ...] = ()
    identities: Identities = Identities()
    conditions: tuple[Condition, ...] = ()
    windows: tuple[Window, ...] = ()
    approvals: tuple[Approvals, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    break_glass: BreakGlass = BreakGlass()
    iam: Iam = Iam()


class Policy(PolicyFile, frozen=True, kw_only=True):
    """A policy whose every key was checked: what the file says, its digest, and the line of each clause."""

    digest: Digest
    """sha256 of the file's bytes."""
    document: Document[PolicyFile]

    def clause(self, *path: str | int) -> str:
        """Where the file says so, e.g. `policy.yaml:14`; of the nearest key above where it leaves a default."""
        return self.document.place(*path)
