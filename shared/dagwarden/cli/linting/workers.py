"""Work on many files, spread over processes: a file that hangs or kills its worker costs an answer and no more."""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from dagwarden.lint.ruff import sweep

R = TypeVar("R")

Watch = Callable[[str], None]
"""What a task calls with each path before it looks at it, and with "" before it asks somebody with a deadline of his
own."""
Task = Callable[[Sequence[str], Watch], list[R]]
"""Paths in, one result for each out, in their order."""

MAX_BATCH = 200
BATCHES_PER_WORKER = 4
OUTSIDE_DEADLINE_S = 90.0
"""How long a task may wait for somebody else: a little longer than that one's own deadline."""
ORPHAN_CHECK_S = 1.0
OUTSIDE = -1
"""The position of a worker that waits for somebody else."""
GARBAGE_THRESHOLD = 50_000
"""Objects between two searches for garbage: a worker makes many that live as long as its batch, and few cycles."""


class _Post:
    """Where in its batch a worker is, and since when: in memory that it shares with its parent, who only looks when
    something is wrong. A message for each file would cost both of them more than many files do."""

    def __init__(self) -> None:
        self._told = memoryview(mmap.mmap(-1, 16)).cast("d")
        self.tell(0)

    def tell(self, position: int) -> None:
        """It is at that path of its batch from now on; at `OUTSIDE`, it waits for somebody else."""
        self._told[1] = time.monotonic()  # first: who reads between the two gives it more time, not less
        self._told[0] = position

    @property
    def position(self) -> int:
        return int(self._told[0])

    @property
    def since(self) -> float:
        return self._told[1]


class _Worker(Generic[R]):
    """One process, and what it was given last."""

    def __init__(self, task: Task[R]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.post = _Post()
        self.process: BaseProcess = context.Process(
            target=_work, args=(task, self.post, theirs, self.pipe), daemon=True
        )
        self.process.start()
        theirs.close()
        self.batch: list[str] = []

    def give(self, batch: list[str]) -> None:
        self.batch = batch
        self.post.tell(0)
        self.pipe.send(batch)

    def deadline(self, deadline_s: float) -> float:
        return self.post.since + (OUTSIDE_DEADLINE_S if self.post.position == OUTSIDE else deadline_s)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        if self.process.pid is not None:
            sweep(self.process.pid)
        self.pipe.close()


def map_files(
    task: Task[R],
    paths: Sequence[str],
    *,
    give_up: Callable[[str, str], R],
    processes: int,
    deadline_s: float,
) -> Iterator[R]:
    """One result for each path, in no order.

    Args:
        task: runs in a fork of this process; an exception it raises counts as its death.
        give_up: the result of a path that has none, and in a few words why. The rest of its batch is done again.
        deadline_s: for each single file.
    """
    size = max(1, min(MAX_BATCH, len(paths) // (processes * BATCHES_PER_WORKER) or 1))
    todo = deque([*paths[start : start + size]] for start in range(0, len(paths), size))
    workers: list[_Worker[R]] = [_Worker(task) for _ in range(min(processes, len(todo)))]
    try:
        while todo or any(worker.batch for worker in workers):
            for worker in workers:
                if todo and not worker.batch:
                    worker.give(todo.popleft())
            for position, worker in enumerate(workers):
                yield from _collect(worker, todo, give_up, deadline_s)
                if not worker.process.is_alive() or worker.pipe.closed:
                    workers[position] = _Worker(task)
            _sleep_until_one_speaks(workers, deadline_s)
    finally:
        for worker in workers:
            worker.end()


def _sleep_until_one_speaks(workers: Sequence[_Worker[R]], deadline_s: float) -> None:
    busy = [worker for worker in workers if worker.batch]
    if busy:
        first = min(worker.deadline(deadline_s) for worker in busy)
        wait([worker.pipe for worker in busy], timeout=max(0.0, first - time.monotonic()))


def _collect(
    worker: _Worker[R], todo: deque[list[str]], give_up: Callable[[str, str], R], deadline_s: float
) -> Iterator[R]:
    """The results a worker has sent; when it is dead or late, the one of the file to blame."""
    try:
        if worker.batch and worker.pipe.poll():
            results = worker.pipe.recv()
            worker.batch = []
            yield from results
    except (EOFError, OSError):
        yield from _blame(worker, todo, give_up, "whoever read it died of it")
        return
    if worker.batch and time.monotonic() > worker.deadline(deadline_s):
        yield from _blame(worker, todo, give_up, f"it was not read within {deadline_s:g} s")


def _blame(worker: _Worker[R], todo: deque[list[str]], give_up: Callable[[str, str], R], reason: str) -> Iterator[R]:
    """Take the file to blame out of the batch; where that is not known, the batch is halved until it is."""
    batch, position = worker.batch, worker.post.position
    worker.batch = []
    worker.end()
    if position == OUTSIDE and len(batch) > 1:
        half = len(batch) // 2
        todo.extendleft([batch[half:], batch[:half]])
        return
    culprit = batch.pop(max(position, 0))
    if batch:
        todo.appendleft(batch)
    yield give_up(culprit, reason)


def _work(task: Task[R], post: _Post, pipe: Connection, parents: Connection) -> None:
    """The whole life of a worker."""
    parents.close()
    parent = os.getppid()
    gc.freeze()  # what was loaded before the fork is never garbage
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        while True:
            # Siblings hold copies of the parent's end: its death does not close the pipe.
            while not pipe.poll(ORPHAN_CHECK_S):
                if os.getppid() != parent:
                    return
            batch = pipe.recv()
            pipe.send(task(batch, _watch(post, batch)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _watch(post: _Post, batch: Sequence[str]) -> Watch:
    positions = {path: position for position, path in enumerate(batch)} | {"": OUTSIDE}
    return lambda path: post.tell(positions[path])
