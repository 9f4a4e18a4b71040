"""A plain folder as a source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dagwarden.errors import InvalidInput
from dagwarden.names import ReleasePath
from dagwarden.push.changes import compare_with_ledger, make_offer
from dagwarden.push.folder import list_folder, name_state, read_candidates
from dagwarden.push.mapping import Listing


def fill(folder: Path) -> None:
    for name in ("a.py", "sub/b.py", ".airflowignore", "__pycache__/a.pyc", ".git/config", "sub/b.pyc", ".DS_Store"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def state_name(head: Listing) -> str:
    comparison = compare_with_ledger({}, "me", head)
    return name_state(head, make_offer(head, comparison, read_candidates(head, comparison)))


def test_files_are_listed_and_what_tools_leave_is_not(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "sub" / "b.py").chmod(0o755)
    files = list_folder(tmp_path, "dags/x").files
    assert {path: file.mode for path, file in files.items()} == {
        "dags/x/.airflowignore": "0644",
        "dags/x/a.py": "0644",
        "dags/x/sub/b.py": "0755",
    }


def test_links_and_pipes_are_findings_and_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("s")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "file.py").symlink_to(outside / "secret.py")
    (folder / "folder").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    listing = list_folder(folder, "")
    assert dict(listing.files) == {}
    assert sorted((finding.rule, finding.path) for finding in listing.findings) == [
        ("path-device", "dags/pipe"),
        ("path-link", "dags/file.py"),
        ("path-link", "dags/folder"),
    ]


def test_a_name_that_is_no_utf8_is_a_finding(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).write_text("x")
    assert [finding.rule for finding in list_folder(tmp_path, "").findings] == ["path-not-utf8"]


def test_the_name_of_a_state_hangs_on_paths_contents_and_modes(tmp_path: Path) -> None:
    fill(tmp_path)
    names = [state_name(list_folder(tmp_path, ""))]
    assert names[0] == state_name(list_folder(tmp_path, ""))
    (tmp_path / "a.py").write_text("other")
    names.append(state_name(list_folder(tmp_path, "")))
    (tmp_path / "a.py").chmod(0o755)
    names.append(state_name(list_folder(tmp_path, "")))
    names.append(state_name(list_folder(tmp_path, "dags/x")))
    assert len(set(names)) == 4


def test_a_folder_that_is_not_there_or_changes_under_the_reader_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such folder"):
        list_folder(tmp_path / "none", "")
    fill(tmp_path)
    with pytest.raises(InvalidInput, match="is a file, not a folder"):
        list_folder(tmp_path / "a.py", "")
    head = list_folder(tmp_path, "")
    (tmp_path / "a.py").unlink()
    with pytest.raises(InvalidInput) as raised:
        read_candidates(head, compare_with_ledger({}, "me", head))
    assert raised.value.subject == ReleasePath("dags/a.py")
