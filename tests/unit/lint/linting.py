"""Reports of real findings, for the tests of what shows them."""

from __future__ import annotations

from collections.abc import Mapping

from dagwarden.lint.baseline import Baseline, compare
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.lint import lint_files
from dagwarden.lint.located import Located, locate_findings
from dagwarden.lint.report import Report, make_report
from dagwarden.names import ReleasePath

IMPORT = "from airflow.sdk import Variable\n"
READ = 'X = Variable.get("x")\n'
SECRET = 'PASSWORD = "battery-stap1e"\n'
ALLOWED = 'TOKEN = "t0k3n-of-mine"  # dagwarden: allow hard-coded-secret -- revoked: 50 % of it, long ago\n'


def lint_sources(sources: Mapping[str, str]) -> list[Located]:
    """The findings in these files, in the order of their paths."""
    files = {ReleasePath(path): text.encode() for path, text in sources.items()}
    catalogue = load_catalogue()
    findings = lint_files(files, catalogue)
    return [
        located
        for path, content in files.items()
        for located in locate_findings(content, [each for each in findings if each.path == path], catalogue.pages)
    ]


def report_on(sources: Mapping[str, str], baseline: Baseline | None = None) -> Report:
    """The report on these files."""
    found = lint_sources(sources)
    if baseline is None:
        return make_report(sources, found, dag_files=len(sources))
    compared = compare(baseline, [(each.finding.path, each) for each in found], set(sources))
    return make_report(
        sources, compared.new, dag_files=len(sources), has_baseline=True, known=compared.known, gone=compared.gone
    )
