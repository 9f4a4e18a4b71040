"""The rules as files that ast-grep's own command line and editor plugins read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from dagwarden.lint.catalogue import PACKAGED_RULES

FOLDER = ".dagwarden/rules"
_HEAD = "# Written by `dagwarden lint --write-sgconfig`: ast-grep and its editor plugins find the rules by it.\n"


def list_files(own: Mapping[str, bytes], own_folder: str) -> dict[str, bytes]:
    """What to write, by path from the project's folder: sgconfig.yml, and a copy of every rule Dagwarden brings.

    Args:
        own: the rule files of a team; they are named where they lie, not copied.
        own_folder: where that is, from the project's folder.
    """
    packaged = {
        f"{FOLDER}/{file.relative_to(PACKAGED_RULES).as_posix()}": file.read_bytes()
        for file in sorted(PACKAGED_RULES.rglob("*.yml"))
    }
    folders = [FOLDER, *([own_folder] if own else [])]
    return {"sgconfig.yml": render_sgconfig(folders), **packaged}


def render_sgconfig(folders: Sequence[str]) -> bytes:
    """The text of sgconfig.yml.

    Source: ast-grep.github.io/reference/sgconfig.html.
    """
    return (_HEAD + yaml.safe_dump({"ruleDirs": [*folders]}, sort_keys=False)).encode()
