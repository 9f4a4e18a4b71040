"""The import graph of each environment's head, kept in memory between pushes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import FileEntry, LedgerState
from dagwarden.lint.graph import ImportGraph, build_graph
from dagwarden.lint.imports import FileImports, read_imports
from dagwarden.names import EnvironmentName, ReleaseNumber, ReleasePath

RELEASES_READ = 8
"""When the changes since the graph in memory come from more releases than this, the whole tree is read instead."""

EMPTY = build_graph({})


class HeadImports:
    """One graph for each environment; a cache of the ledger and nothing else. Safe to share between threads.

    A gate that made the head itself knows its graph already. One that did not reads the deltas in between, two GETs
    each. A cold one restores the tree once and parses it: measured for 10,000 files of 4 kB, 6 s of one core and 30 MB
    that stay.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[EnvironmentName, tuple[LedgerState, ImportGraph]] = {}
        self._lock = threading.Lock()

    def at(self, state: LedgerState) -> ImportGraph:
        """The graph of the tree of `state`.

        Raises:
            Tampered: what the store holds is not what the ledger names.
        """
        with self._lock:
            base, graph = self._known.get(state.environment, (None, EMPTY))
        if base is None or base.digest != state.digest:
            graph = self._follow(base, graph, state)
            self.remember(state, graph)
        return graph

    def remember(self, state: LedgerState, graph: ImportGraph) -> None:
        """Keep the graph of a state, unless a newer one is known."""
        with self._lock:
            known = self._known.get(state.environment)
            if known is None or known[0].number < state.number:
                self._known[state.environment] = (state, graph)

    def _follow(self, base: LedgerState | None, graph: ImportGraph, state: LedgerState) -> ImportGraph:
        standing: Mapping[ReleasePath, FileEntry] = {} if base is None else base.files
        changed = {path for path, entry in state.files.items() if not _is_same(standing, entry)}
        wanted = {path for path in changed if path.endswith(".py")}
        releases = {state.files[path].release for path in wanted}
        whole = len(releases) > RELEASES_READ
        found = self._read_tree(state) if whole else self._read_deltas(state.environment, releases)
        put: dict[str, FileImports | None] = dict.fromkeys(changed - wanted)
        for file in found:
            if file.path in wanted:
                put[file.path] = read_imports(file.path, file.content)
        return graph.replace(put, standing.keys() - state.files.keys())

    def _read_tree(self, state: LedgerState) -> Iterator[PlainFile]:
        head = self._ledger.read(state.environment, state.number)
        yield from self._ledger.restore(state.environment, head).values()

    def _read_deltas(self, environment: EnvironmentName, releases: set[ReleaseNumber]) -> Iterator[PlainFile]:
        for number in sorted(releases):
            archive = self._ledger.read(environment, number).release.delta
            if archive is not None:
                yield from self._ledger.delta(environment, archive).values()


def _is_same(files: Mapping[ReleasePath, FileEntry], entry: FileEntry) -> bool:
    standing = files.get(entry.path)
    return standing is not None and standing.sha256 == entry.sha256
