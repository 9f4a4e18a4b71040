"""Turns spare lost races and never block for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagwarden.handlers.turns import Turns
from dagwarden.names import EnvironmentName

PROD, DEV = EnvironmentName("prod"), EnvironmentName("dev")


def test_one_environment_has_one_turn_at_a_time() -> None:
    turns, within, most = Turns(), [0], [0]

    def work() -> None:
        with turns.take(PROD) as is_mine:
            assert is_mine
            within[0] += 1
            most[0] = max(most[0], within[0])
            threading.Event().wait(0.001)
            within[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(40)]:
            done.result()
    assert most == [1]


def test_environments_do_not_wait_for_each_other() -> None:
    turns = Turns(patience_s=0.0)
    with turns.take(PROD), turns.take(DEV) as is_mine:
        assert is_mine


def test_who_waits_too_long_goes_on_out_of_turn() -> None:
    turns = Turns(patience_s=0.01)
    with turns.take(PROD), turns.take(PROD) as is_mine:
        assert not is_mine
    with turns.take(PROD) as is_mine:
        assert is_mine


def test_a_turn_ends_when_its_work_fails() -> None:
    turns = Turns(patience_s=0.0)
    with pytest.raises(ZeroDivisionError), turns.take(PROD):
        print(1 / 0)
    with turns.take(PROD) as is_mine:
        assert is_mine
