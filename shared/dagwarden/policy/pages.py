"""The rules that policy itself holds a push to: one page each. Those on identities stand in `identity_pages`."""

from __future__ import annotations

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page

_GRANTS = "who may push is said under `pushers`: grant it there"


def policy_page(
    rule: str, code: str, what: str, why: str, hint: str, *, fixed: str = "", category: str = "pusher"
) -> Page:
    """The page of a rule that policy itself holds a push to: an error."""
    return Page(
        rule=rule, code=code, category=category, severity=Severity.ERROR, what=what, why=why, hint=hint, fixed=fixed
    )


PUSHER_UNKNOWN = policy_page(
    "pusher-unknown",
    "DW701",
    "No entry under `pushers` names the principal.",
    "What no entry covers is refused.",
    "Push as a principal that the policy names, or ask its owners to add this one under `pushers`.",
    fixed=_GRANTS,
)
UNATTESTED_PUSH = policy_page(
    "unattested-push",
    "DW702",
    "The push is signed by nobody.",
    "Without a signature anybody who can write the inbox could push as anybody.",
    "Push with `git push` or `dagwarden push`: they sign as your service account.",
    fixed=_GRANTS,
)
SOURCE_NOT_ALLOWED = policy_page(
    "source-not-allowed",
    "DW703",
    "The principal is known, but not from this source.",
    "An entry's `sources` say from which repositories its principals push.",
    "Push from a source the entry lists, or ask the policy's owners to add this one.",
    fixed=_GRANTS,
)
REF_NOT_ALLOWED = policy_page(
    "ref-not-allowed",
    "DW704",
    "The principal and source are known, but not with this ref.",
    "An entry's `refs` say which branches and tags may become releases.",
    "Merge into a ref the entry lists and push that.",
    fixed=_GRANTS,
)
COMMIT_NOT_SIGNED = policy_page(
    "commit-not-signed",
    "DW712",
    "The commit that is pushed is signed by nobody whom the policy names.",
    "An entry with `commits: signed` covers commits that one of `signers` has signed with an SSH key.",
    "Sign it and push again: git config gpg.format ssh, user.signingKey KEY, git commit --amend -S.",
    fixed=_GRANTS,
)
PATH_NOT_ALLOWED = policy_page(
    "path-not-allowed",
    "DW705",
    "A changed file is covered by no entry of the principal.",
    "Teams share an environment: each may change its own paths only.",
    "Leave the file out, or ask the policy's owners to add its path to an entry of yours.",
    fixed=_GRANTS,
)
PUSH_NOT_ALLOWED = policy_page(
    "push-not-allowed",
    "DW706",
    "The principal's entries grant other things than `push`.",
    "An entry's `may` says what its principals do; some only roll back.",
    "Ask the policy's owners to add `push` to `may`.",
    fixed=_GRANTS,
)
FORCE_NOT_ALLOWED = policy_page(
    "force-not-allowed",
    "DW707",
    "A forced push by someone who may not force.",
    "Force overwrites what others released since.",
    "Push without --force: fetch, rebase on what is released, push again.",
    fixed=_GRANTS,
)
ROLLBACK_NOT_ALLOWED = policy_page(
    "rollback-not-allowed",
    "DW708",
    "A rollback by someone who may not roll back, or not these paths.",
    "A rollback undoes what every source released since.",
    "Ask someone whose entry has `rollback` in `may`, or push a revert.",
    fixed=_GRANTS,
)
RAW_DROP_NOT_ALLOWED = policy_page(
    "raw-drop-not-allowed",
    "DW709",
    "A file was dropped into the inbox, and the policy does not take such drops, or not there.",
    "Nobody signed it: whoever can write the inbox could have put it there.",
    "Push with `git push` or `dagwarden push`, or allow it under `raw_drops`.",
    fixed="which drops are taken is said under `raw_drops`",
)
RAW_DROP_DELETE_NOT_ALLOWED = policy_page(
    "raw-drop-delete-not-allowed",
    "DW710",
    "A dropped object was deleted, and the policy does not take the file away for that.",
    "Emptying the inbox must not empty the environment.",
    "Delete the file with a push, or set `raw_drops.deletes`.",
    fixed="which drops are taken is said under `raw_drops`",
)
TOO_MANY_DELETES = policy_page(
    "too-many-deletes",
    "DW720",
    "The push deletes more of what its source released than the limit.",
    "An empty checkout must not empty the environment.",
    "Check that the right folder and ref were pushed; if so, delete in steps or raise `limits.max_deletes_percent`.",
    fixed="how much may go at once is said by `limits.max_deletes_percent`; 100 lets everything go",
    category="limits",
)
IMPORT_TOO_SLOW = policy_page(
    "import-too-slow",
    "DW721",
    "The import of a DAG file takes longer than the limit.",
    "The DAG processor imports each file again and again, and gives up on one that is too slow.",
    "Move work from the top of the file into tasks, or raise `limits.max_import_s`.",
    category="limits",
)
EMERGENCY_NOT_ALLOWED = policy_page(
    "emergency-not-allowed",
    "DW711",
    "A push calls itself an emergency, and the policy does not let it be one.",
    "An emergency lifts rules: only those named under `break_glass` may call one, with a reason.",
    "Push without --break-glass, or ask someone whom `break_glass.principals` names.",
    fixed="who may push past the policy is said under `break_glass`",
    category="emergency",
)
PUSH_IN_FREEZE = policy_page(
    "push-in-freeze",
    "DW730",
    "The push changes a path that is frozen now.",
    "A freeze keeps things as they are when nobody could mend them, or when others count on them.",
    "Push after the freeze, or ask someone whom the window's `may_pass` names.",
    category="window",
)
PUSH_OUTSIDE_WINDOW = policy_page(
    "push-outside-window",
    "DW731",
    "The push changes a path that may be changed at certain times only, and none of them is now.",
    "Changes come when somebody watches them.",
    "Push when the window is open.",
    category="window",
)
EMERGENCY_IN_FREEZE = policy_page(
    "emergency-in-freeze",
    "DW732",
    "An emergency meets a window that applies to emergencies too.",
    "Where `applies_to` lists `break_glass`, not even an emergency changes anything.",
    "Wait for the window, or ask someone whom its `may_pass` names.",
    fixed="a window binds emergencies only where its `applies_to` says so",
    category="emergency",
)
APPROVAL_MISSING = policy_page(
    "approval-missing",
    "DW740",
    "The push waits for approvals: it is held, not denied.",
    "Some changes take more than one pair of eyes, and never only those of who made them.",
    "Ask one of those named to run `dagwarden approve PUSH_ID`.",
    category="approval",
)
APPROVAL_EXPIRED = policy_page(
    "approval-expired",
    "DW741",
    "The push was not approved in time.",
    "What waited too long is no longer what its approvers would look at.",
    "Push again.",
    category="approval",
)
APPROVAL_IMPOSSIBLE = policy_page(
    "approval-impossible",
    "DW742",
    "A file was dropped into the inbox that would need approvals; only a push can be approved.",
    "A dropped file has no signature and no author, so nobody could be kept from approving their own.",
    "Push it instead: `git push` to the environment's remote, or `dagwarden push FOLDER`; then it waits for them.",
    category="approval",
)
CONDITION_NOT_MET = policy_page(
    "condition-not-met",
    "DW790",
    "What a condition of the policy requires does not hold, or cannot be known.",
    "The owners of the environment ask for it, and say so in the condition's message.",
    "Do what the message asks; the condition itself stands in the policy, under `conditions`.",
    category="conditions",
)

PUSH_PAGES: tuple[Page, ...] = (
    PUSHER_UNKNOWN,
    UNATTESTED_PUSH,
    SOURCE_NOT_ALLOWED,
    REF_NOT_ALLOWED,
    COMMIT_NOT_SIGNED,
    PATH_NOT_ALLOWED,
    PUSH_NOT_ALLOWED,
    FORCE_NOT_ALLOWED,
    ROLLBACK_NOT_ALLOWED,
    RAW_DROP_NOT_ALLOWED,
    RAW_DROP_DELETE_NOT_ALLOWED,
    TOO_MANY_DELETES,
    IMPORT_TOO_SLOW,
    EMERGENCY_NOT_ALLOWED,
    PUSH_IN_FREEZE,
    PUSH_OUTSIDE_WINDOW,
    EMERGENCY_IN_FREEZE,
    APPROVAL_MISSING,
    APPROVAL_EXPIRED,
    APPROVAL_IMPOSSIBLE,
    CONDITION_NOT_MET,
)
