"""Frames between child and parent: what is not the child's own word is told from what is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.validate.frames import Forged, frame, read_frames
from dagwarden.validate.report import ChildReport, Deed, DeedKind

NONCE = bytes(range(16))
DEED = Deed(kind=DeedKind.NETWORK, subject="example.org", file="/t/dags/a.py", line=3)
REPORT = ChildReport(seconds=0.5)


def test_what_was_said_is_heard_in_order() -> None:
    content = frame(NONCE, DEED) + frame(NONCE, REPORT)
    assert read_frames(NONCE, content, is_whole=True) == ([DEED], REPORT)


def test_another_number_is_a_forgery() -> None:
    with pytest.raises(Forged):
        read_frames(NONCE, frame(bytes(16), REPORT), is_whole=True)


def test_nothing_follows_the_last_word() -> None:
    with pytest.raises(Forged):
        read_frames(NONCE, frame(NONCE, REPORT) * 2, is_whole=True)


def test_a_killed_child_may_be_cut_off() -> None:
    whole = frame(NONCE, DEED) + frame(NONCE, REPORT)
    for end in range(len(frame(NONCE, DEED)), len(whole)):
        assert read_frames(NONCE, whole[:end], is_whole=False) == ([DEED], None)


def test_what_is_no_text_is_still_told() -> None:
    said = Deed(kind=DeedKind.READ_OUTSIDE, subject="/etc/\udcff", file="/t/dags/a.py", line=3)
    [heard], _ = read_frames(NONCE, frame(NONCE, said), is_whole=True)
    assert (heard.subject, heard.line) == ("/etc/?", 3)


@given(st.binary(max_size=200))
def test_any_bytes_are_heard_or_forged(content: bytes) -> None:
    for is_whole in (True, False):
        try:
            _, report = read_frames(NONCE, content, is_whole=is_whole)
        except Forged:
            continue
        assert report is None
