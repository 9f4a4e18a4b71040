"""Every output says the same, each in the form its readers know; no secret is in any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.lint.linting import ALLOWED, IMPORT, READ, SECRET, lint_sources, report_on

from dagwarden.lint.baseline import make_baseline
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.located import Located
from dagwarden.lint.outputs.github import escape_message, escape_property, render_github
from dagwarden.lint.outputs.human import render_human
from dagwarden.lint.outputs.junit import render_junit
from dagwarden.lint.outputs.plain_json import render_json
from dagwarden.lint.outputs.sarif import render_sarif
from dagwarden.lint.report import Report, make_report

SCHEMA = json.loads((Path(__file__).parent / "outputs" / "sarif-2.1.0.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
SOURCES = {"dags/a, b:1.py": IMPORT + READ + SECRET + ALLOWED, "dags/clean.py": "x = 1\n", "dags/ü.py": "x = = 1\n"}
REPORT = report_on(SOURCES)


def to_sarif(report: Report) -> str:
    return render_sarif(report, load_catalogue().pages, version="1.2.3")


RENDERERS: dict[str, Callable[[Report], str]] = {
    "human": render_human,
    "json": render_json,
    "sarif": to_sarif,
    "github": render_github,
    "junit": render_junit,
}


@pytest.mark.parametrize("name", RENDERERS)
def test_no_secret_is_in_any_output(name: str) -> None:
    text = RENDERERS[name](REPORT)
    assert "battery" not in text
    assert "t0k3n" not in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("human", "2 errors, 1 warning, 1 suppressed in 3 files"),
        ("json", '"suppressed": 1'),
        ("sarif", '"suppressed": 1'),
        ("github", "2 errors, 1 warning, 1 suppressed in 3 files"),
        ("junit", "2 errors, 1 warning, 1 suppressed in 3 files"),
    ],
)
def test_what_was_suppressed_is_counted_in_every_output(name: str, said: str) -> None:
    assert said in RENDERERS[name](REPORT)


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(to_sarif(report))
    VALIDATOR.validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def test_sarif_is_valid_and_names_its_rules() -> None:
    run = run_of(REPORT)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(load_catalogue().pages)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert re.fullmatch("[0-9a-f]{32}", result["partialFingerprints"]["dagwarden/v1"])
    secret = next(rule for rule in rules if rule["id"] == "hard-coded-secret")
    assert float(secret["properties"]["security-severity"]) >= 9.0
    assert "security" in secret["properties"]["tags"]


def test_the_schema_refuses_what_is_no_sarif() -> None:
    log = json.loads(to_sarif(REPORT))
    log["runs"][0]["results"][0]["lines"] = 1
    assert not VALIDATOR.is_valid(log)


def test_sarif_says_who_let_a_finding_through() -> None:
    by_rule = [(result["ruleId"], result["suppressions"]) for result in run_of(REPORT)["results"]]
    justified = [suppressions[0] for rule, suppressions in by_rule if rule == "hard-coded-secret" and suppressions]
    assert justified == [{"kind": "inSource", "status": "accepted", "justification": "revoked: 50 % of it, long ago"}]
    assert not [rule for rule, _ in by_rule if rule == "suppressed"]


def test_sarif_tells_old_findings_from_new_ones() -> None:
    old = make_baseline((each.finding.path, each) for each in lint_sources({"dags/a.py": IMPORT + READ}))
    run = run_of(report_on({"dags/a.py": IMPORT + READ + SECRET}, old))
    states = {result["ruleId"]: result["baselineState"] for result in run["results"]}
    assert states == {"variable-get-at-import": "unchanged", "hard-coded-secret": "new"}
    known = next(result for result in run["results"] if result["baselineState"] == "unchanged")
    assert known["suppressions"][0]["kind"] == "external"
    assert run["properties"]["baselined"] == 1


def test_sarif_paths_are_uris_below_the_root() -> None:
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: result
        for result in run_of(REPORT)["results"]
    }
    assert set(uris) == {"dags/a%2C%20b%3A1.py", "dags/%C3%BC.py"}


def test_findings_on_a_whole_file_are_valid_too() -> None:
    finding = Finding(rule="nul-bytes", severity=Severity.ERROR, path="dags/a.py", message="m")
    report = make_report(["dags/a.py"], [Located(finding=finding, fingerprint="0" * 32)])
    assert run_of(report)["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


def test_json_has_each_finding_with_its_line_and_fingerprint() -> None:
    report = json.loads(render_json(REPORT))
    assert (report["files"], report["errors"], report["suppressed_rules"]) == (3, 2, {"hard-coded-secret": 1})
    first = report["findings"][0]
    assert (first["source"], first["line"], len(first["fingerprint"])) == (READ.strip(), 2, 32)


def test_github_shows_findings_on_their_lines() -> None:
    lines = render_github(REPORT).splitlines()
    assert lines[0].startswith(
        "::warning file=dags/a%2C b%3A1.py,line=2,endLine=2,col=5,title=variable-get-at-import DW104::"
    )
    assert lines[-1].startswith("::notice title=dagwarden lint::")
    assert not [line for line in lines if "is allowed here" in line]


@given(st.text())
def test_no_text_breaks_out_of_a_workflow_command(text: str) -> None:
    assert not {"\r", "\n"} & set(escape_message(text))
    assert not {"\r", "\n", ":", ","} & set(escape_property(text))
    unescaped = escape_property(text)
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        unescaped = unescaped.replace(code, char)
    assert unescaped == text


def test_junit_counts_cases_as_they_are() -> None:
    root = ET.fromstring(render_junit(REPORT))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "2", "1")
    assert [suite.get("name") for suite in root] == list(SOURCES)
    clean = root[1]
    assert [case.get("name") for case in clean] == ["nothing found"]
    assert [(skipped.get("message") or "") for skipped in root.iter("skipped")] == [
        "allowed in the code: revoked: 50 % of it, long ago"
    ]


@given(st.text(), st.text(), st.text())
def test_junit_is_xml_whatever_is_found(path: str, message: str, source: str) -> None:
    finding = Finding(rule="r", severity=Severity.ERROR, path=path, line=1, end_line=1, message=message)
    located = Located(finding=finding, source=source, fingerprint="0" * 32)
    for each in (located, msgspec.structs.replace(located, finding=msgspec.structs.replace(finding, severity="info"))):
        root = ET.fromstring(render_junit(make_report([path], [each])))
        assert root.get("tests") == "1"


def test_people_see_line_and_hint_and_what_is_gone() -> None:
    old = make_baseline((each.finding.path, each) for each in lint_sources({"dags/a.py": IMPORT + READ}))
    told = render_human(report_on({"dags/a.py": SECRET}, old))
    assert "dags/a.py:1:12: error: a secret is written in plain text: *** (14 characters)" in told
    assert "dags/a.py: note: nothing matches `variable-get-at-import` in the baseline any more" in told
    assert told.endswith("1 error in 1 file; 1 baseline entry gone\n")


def test_people_see_which_rules_many_findings_come_from() -> None:
    few, many = render_human(report_on({"dags/a.py": IMPORT + READ * 18 + SECRET})), IMPORT + READ * 20 + SECRET
    assert "dagwarden rules" not in few
    assert render_human(report_on({"dags/a.py": many})).splitlines()[-5:] == [
        "",
        "    20  variable-get-at-import",
        "     1  hard-coded-secret",
        "        (`dagwarden rules RULE` tells what one means)",
        "1 error, 20 warnings in 1 file",
    ]
