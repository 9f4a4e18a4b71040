"""What may be wrong with a push itself, before anything in it is read as a DAG: one table."""

from __future__ import annotations

import msgspec

from dagwarden.lint.finding import Finding, Severity

MAX_SHOWN_CHARS = 1024


class PushRule(msgspec.Struct, frozen=True):
    """One way to be refused."""

    id: str
    code: str
    message: str
    hint: str


PUSH_RULES: tuple[PushRule, ...] = (
    PushRule("path-absolute", "DW801", "the path is absolute", "start it with dags/ or plugins/"),
    PushRule("path-parent", "DW802", "the path climbs with `..`", "name the file by its plain path"),
    PushRule("path-link", "DW803", "links are not released", "put the file itself in the link's place"),
    PushRule("path-device", "DW804", "devices and pipes are not released", "leave it out"),
    PushRule("path-duplicate", "DW805", "the path is named twice", "name each file once"),
    PushRule("path-case-collision", "DW806", "differs from another path only in case", "rename one of the two"),
    PushRule("path-nul", "DW807", "the path holds a NUL", "rename the file"),
    PushRule("path-too-long", "DW808", "the path is longer than 1,024 bytes of UTF-8", "shorten it"),
    PushRule("path-dot-name", "DW809", "the path holds a part called `.`", "name the file by its plain path"),
    PushRule("path-folder-and-file", "DW810", "is a folder and a file at once", "rename one of the two"),
    PushRule("path-trailing-slash", "DW811", "folders are not released", "name the files in it"),
    PushRule("path-outside-folders", "DW812", "lies in neither dags/ nor plugins/", "move it, or push with --prefix"),
    PushRule("path-not-nfc", "DW813", "the path is not in Unicode's composed form (NFC)", "rename it in NFC"),
    PushRule("path-control-character", "DW814", "the path holds control characters", "rename the file"),
    PushRule("path-empty-part", "DW815", "the path holds an empty part (`//`)", "name the file by its plain path"),
    PushRule("path-not-utf8", "DW816", "the path is no UTF-8", "rename the file"),
    PushRule("size-mismatch", "DW820", "is not of the size push.json says", "pack the push again"),
    PushRule("digest-mismatch", "DW821", "is not what push.json says by its sha256", "pack the push again"),
    PushRule("file-not-listed", "DW822", "is in the archive but not in push.json", "pack the push again"),
    PushRule("file-missing", "DW823", "is in push.json but not in the archive", "pack the push again"),
    PushRule("push-too-large", "DW824", "the push is larger than a push may be", "push less at once"),
    PushRule("too-many-files", "DW825", "the push changes more files than a push may", "push fewer files at once"),
    PushRule("file-too-large", "DW826", "the file is larger than a file may be", "keep data in data/ or in a bucket"),
    PushRule("too-many-findings", "DW827", "there are more findings than are told", "mend these first, push again"),
    PushRule("file-submodule", "DW840", "submodules are not released", "push the submodule as a source of its own"),
    PushRule("file-lfs-pointer", "DW841", "is a pointer of Git LFS, not the file", "keep data in data/ or in a bucket"),
    PushRule("push-not-fast-forward", "DW850", "the source has moved on", "fetch what was released, merge, push again"),
    PushRule("file-of-another-source", "DW851", "belongs to another source", "change it there, or push with --force"),
    PushRule("push-unreadable", "DW852", "the object is no push", "push with git or `dagwarden push`"),
    PushRule("push-misnamed", "DW853", "the object's name is not the push it holds", "pack the push again"),
    PushRule("attestation-invalid", "DW854", "the signature over the push does not hold", "push again"),
    PushRule("rollback-target-missing", "DW855", "there is no such release", "see `dagwarden log`"),
    PushRule("policy-missing", "DW856", "the environment has no policy.yaml", "ask the platform team to apply one"),
    PushRule("policy-unreadable", "DW857", "the policy is broken", "ask the platform team to mend it"),
    PushRule("raw-drop-encoded", "DW858", "is gzip-encoded, which breaks Composer's sync", "upload it without --gzip"),
    PushRule("environment-unreadable", "DW859", "environment.yaml is broken", "ask the platform team to mend it"),
    PushRule("rules-unreadable", "DW860", "the environment's own rules are broken", "ask the platform team"),
    PushRule("raw-drop-superseded", "DW861", "was dropped anew since", "nothing: the newer drop has its own verdict"),
)
"""The order is that of the codes; no code is ever given to another rule. DW85x and DW86x are the gate's own."""

_BY_ID = {rule.id: rule for rule in PUSH_RULES}


def find(rule_id: str, path: str = "", message: str = "", severity: Severity = Severity.ERROR) -> Finding:
    """The finding that this rule makes of this path; `message` says more than the table does."""
    rule = _BY_ID[rule_id]
    return Finding(
        rule=rule.id,
        code=rule.code,
        severity=severity,
        path=show(path),
        message=message or rule.message,
        hint=rule.hint,
    )


def show(text: str) -> str:
    """Foreign text made fit to be shown and stored: what cannot be printed is escaped, what is long is cut."""
    cut = text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
