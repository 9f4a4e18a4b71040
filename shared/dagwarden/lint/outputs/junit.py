"""Findings as JUnit XML, which most CI servers show as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.located import Located
from dagwarden.lint.outputs.human import name, place
from dagwarden.lint.report import Report, summarise

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to say, escaped or not. Source: w3.org/TR/xml, production 2."""


def render_junit(report: Report) -> str:
    """A suite for each file: a failed case for an error, a passed one with output for the rest, a skipped one for what
    a comment or the baseline lets through. A file without findings has one case that passes."""
    root = ET.Element("testsuites", name=escape(f"dagwarden lint: {summarise(report)}"))
    by_path: dict[str, list[Located]] = {path: [] for path in report.paths}
    known = {id(located) for located in report.known}
    for located in (*report.findings, *report.known):
        by_path.setdefault(located.finding.path, []).append(located)
    for path, found in by_path.items():
        _add_suite(root, path, found, known)
    for key in ("tests", "failures", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("errors", "0")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_suite(root: ET.Element, path: str, found: Sequence[Located], known: set[int]) -> None:
    suite = ET.SubElement(root, "testsuite", name=escape(path))
    for located in found:
        _add_case(suite, located, is_known=id(located) in known)
    if not found:
        ET.SubElement(suite, "testcase", name="nothing found", classname=escape(path), time="0")
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.set("errors", "0")


def _add_case(suite: ET.Element, located: Located, *, is_known: bool) -> None:
    finding = located.finding
    shown = finding.allows or finding
    title = f"{name(shown)} {place(finding)}"
    case = ET.SubElement(suite, "testcase", name=escape(title), classname=escape(finding.path), time="0")
    if is_known:
        ET.SubElement(case, "skipped", message="in the baseline")
    elif finding.allows is not None:
        ET.SubElement(case, "skipped", message=escape(f"allowed in the code: {finding.reason}"))
    elif finding.severity is Severity.ERROR:
        failure = ET.SubElement(case, "failure", type=finding.rule, message=escape(finding.message))
        failure.text = escape(_tell(finding, located.source))
    else:
        ET.SubElement(case, "system-out").text = escape(f"{finding.severity}: {_tell(finding, located.source)}")


def _tell(finding: Finding, source: str) -> str:
    return "\n".join(part for part in (f"{place(finding)}: {finding.message}", source.strip(), finding.hint) if part)


def escape(text: str) -> str:
    """Text without the characters that make a document no XML; the library sees to the rest."""
    return _NO_XML.sub("\ufffd", text)
