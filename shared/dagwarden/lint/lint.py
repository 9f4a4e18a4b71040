"""Source text in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from dagwarden.lint.catalogue import Catalogue, load_catalogue
from dagwarden.lint.compiles import Source, read_source
from dagwarden.lint.coverage import drop_eclipsed
from dagwarden.lint.finding import Finding, sort_findings
from dagwarden.lint.hygiene import check_paths
from dagwarden.lint.match import Chosen, choose_rules, match_chosen
from dagwarden.lint.page import rate
from dagwarden.lint.ruff_findings import check_with_ruff
from dagwarden.lint.suppress import apply_suppressions
from dagwarden.names import ReleasePath

__all__ = ["lint_file", "lint_files", "load_catalogue"]


def lint_files(
    files: Mapping[ReleasePath, bytes],
    catalogue: Catalogue,
    *,
    python: tuple[int, int] = (3, 11),
    airflow: tuple[int, int] = (3, 3),
    opted_in: Collection[str] = (),
    watch: Callable[[str], None] = lambda _: None,
    judges_paths: bool = True,
) -> list[Finding]:
    """All findings of these files, each rated as its rule is; sorted.

    Of `.py` files the text is judged, of all of them the names and sizes. A file that does not compile has the findings
    on the file itself and no others.

    Args:
        python: the environment's Python, major and minor.
        airflow: the environment's Airflow, major and minor.
        opted_in: ids of rules that are silent unless asked for.
        watch: called with each path before it is looked at, and with "" before waiting for ruff, so that somebody else
            can tell which file hangs.
        judges_paths: whether names and sizes are judged: the paths are those of a release.
    """
    sources: dict[ReleasePath, Source] = {}
    for path, content in files.items():
        if path.endswith(".py"):
            watch(path)
            sources[path] = read_source(path, content, python=python)
    texts = {path: source.text for path, source in sources.items() if source.text}
    rules = [rule for rule in catalogue.patterns if not rule.page.opt_in or rule.page.rule in opted_in]
    with ThreadPoolExecutor(max_workers=1) as beside:
        asked = beside.submit(check_with_ruff, texts, opted_in=opted_in)
        found = {path: [*source.findings] for path, source in sources.items()}
        chosen: dict[ReleasePath, Chosen] = {}
        for path, text in texts.items():
            watch(path)
            chosen[path] = choose_rules(text, rules, catalogue.names, code=sources[path].code)
        for path, choice in chosen.items():
            watch(path)
            found[path] += match_chosen(path, choice)
        watch("")
        for finding in asked.result():
            found[ReleasePath(finding.path)].append(finding)
    judged: list[Finding] = []
    for path, of_file in found.items():
        watch(path)
        judged += apply_suppressions(path, sources[path].text, drop_eclipsed(of_file), catalogue.pages)
    rated = [rate(finding, catalogue.pages[finding.rule], airflow) for finding in judged]
    return sort_findings([*rated, *(check_paths(files) if judges_paths else ())])


def lint_file(path: str, content: bytes, catalogue: Catalogue, *, python: tuple[int, int] = (3, 11)) -> list[Finding]:
    """All findings of one file."""
    return lint_files({ReleasePath(path): content}, catalogue, python=python)
