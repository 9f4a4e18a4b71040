"""A change is judged by exactly the files that it affects, and by all DAGs together."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import FileReport, ValidateSettings
from dagwarden.validate.tree import TreeReport, validate_tree

SETTINGS = ValidateSettings()
DAG = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
with DAG("{id}", schedule=None, default_args={{"owner": "team", "retries": 1}}):
    EmptyOperator(task_id="only")
"""
FROM_YAML = """
import yaml
from pathlib import Path
from airflow.sdk import DAG
for each in yaml.safe_load((Path(__file__).parent / "config" / "dags.yaml").read_text()):
    globals()[each] = DAG(each, schedule=None)
"""
FROM_FOLDER = """
from pathlib import Path
from airflow.sdk import DAG
for each in sorted((Path(__file__).parent / "tables").iterdir()):
    globals()[each.stem] = DAG(f"table_{each.stem}", schedule=None)
"""
FILES = {
    "dags/plain.py": DAG.format(id="plain"),
    "dags/uses.py": "from lib.names import NAME\n" + DAG.format(id="uses"),
    "dags/lib/__init__.py": "",
    "dags/lib/names.py": "NAME = 'x'\n",
    "dags/from_yaml.py": FROM_YAML,
    "dags/config/dags.yaml": "[one, two]\n",
    "dags/from_folder.py": FROM_FOLDER,
    "dags/tables/a.sql": "select 1\n",
    "dags/hidden.py": "raise SystemExit  # a dag for airflow, not looked at\n",
    "dags/.airflowignore": "hidden.py\n",
    "plugins/shows.py": (
        "from airflow.plugins_manager import AirflowPlugin\nclass Shows(AirflowPlugin):\n    name = 'shows'\n"
    ),
}
DAG_FILES = {"dags/plain.py", "dags/uses.py", "dags/from_yaml.py", "dags/from_folder.py"}


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def rules_of(report: TreeReport) -> set[tuple[str, str]]:
    return {(finding.rule, finding.path) for finding in report.findings if finding.severity == "error"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    return tmp_path


@pytest.fixture
def known(validator: Validator, root: Path) -> Mapping[ReleasePath, FileReport]:
    report = validate_tree(validator, root, None, SETTINGS)
    assert set(report.imported) == {*DAG_FILES, "plugins/shows.py"}
    assert report.is_whole
    assert rules_of(report) == set()
    assert {dag.dag_id for model in report.models for dag in model.dags} == {"plain", "uses", "one", "two", "table_a"}
    return report.files


CHANGES: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({}, set()),
    "a DAG file": ({"dags/plain.py": DAG.format(id="plainer")}, {"dags/plain.py"}),
    "a module": ({"dags/lib/names.py": "NAME = 'y'\n"}, {"dags/uses.py"}),
    "a file that one was seen to read": ({"dags/config/dags.yaml": "[one]\n"}, {"dags/from_yaml.py"}),
    "a new file in a folder that one was seen to list": ({"dags/tables/b.sql": "select 2\n"}, {"dags/from_folder.py"}),
    "a file that nobody reads": ({"dags/README.md": "# Words\n"}, set()),
    "a new DAG file": ({"dags/new.py": DAG.format(id="new")}, {"dags/new.py"}),
    "an ignore file": ({"dags/.airflowignore": ""}, {"dags/hidden.py"}),
    "a plugin": ({"plugins/shows.py": FILES["plugins/shows.py"] + "\n"}, {"plugins/shows.py"}),
}


def test_only_what_a_change_affects_is_imported(
    validator: Validator, root: Path, known: Mapping[ReleasePath, FileReport]
) -> None:
    for change, (files, expected) in CHANGES.items():
        write(root, files)
        report = validate_tree(validator, root, [*files], SETTINGS, known=known)
        assert set(report.imported) == expected, change
        assert set(report.files) >= DAG_FILES
        write(root, {path: FILES[path] for path in files if path in FILES})
        for path in set(files) - set(FILES):
            (root / path).unlink()


def test_without_reports_from_before_a_change_of_data_may_affect_any_file(validator: Validator, root: Path) -> None:
    changed = validate_tree(validator, root, ["dags/plain.py"], SETTINGS)
    assert (changed.imported, changed.is_whole) == (("dags/plain.py",), False)
    assert set(validate_tree(validator, root, ["dags/config/dags.yaml"], SETTINGS).imported) >= DAG_FILES


def test_a_clash_with_a_file_that_is_not_imported_again_is_found(
    validator: Validator, root: Path, known: Mapping[ReleasePath, FileReport]
) -> None:
    write(root, {"dags/other.py": DAG.format(id="plain")})
    report = validate_tree(validator, root, ["dags/other.py"], SETTINGS, known=known)
    assert report.imported == ("dags/other.py",)
    assert rules_of(report) == {("duplicate-dag-id", "dags/other.py")}


def test_a_deleted_file_clashes_with_nothing(
    validator: Validator, root: Path, known: Mapping[ReleasePath, FileReport]
) -> None:
    (root / "dags/plain.py").rename(root / "dags/renamed.py")
    report = validate_tree(validator, root, ["dags/plain.py", "dags/renamed.py"], SETTINGS, known=known)
    assert report.imported == ("dags/renamed.py",)
    assert rules_of(report) == set()


BROKEN_PLUGINS = {
    "nameless": "class P(AirflowPlugin):\n    pass\n",
    "failing on load": "class P(AirflowPlugin):\n    name = 'p'\n    def on_load(*_, **__): raise ValueError('no')\n",
    "failing to import": "import nowhere_to_be_found\n",
}


@pytest.mark.parametrize("fault", BROKEN_PLUGINS)
def test_a_broken_plugin_is_an_error(validator: Validator, root: Path, fault: str) -> None:
    write(root, {"plugins/p.py": f"from airflow.plugins_manager import AirflowPlugin\n{BROKEN_PLUGINS[fault]}"})
    report = validate_tree(validator, root, ["plugins/p.py"], SETTINGS)
    assert report.imported == ("plugins/p.py",)
    rule = "package-missing" if fault == "failing to import" else "import-error"
    assert rules_of(report) == {(rule, "plugins/p.py")}


def test_dags_of_a_zip_file_are_found_as_airflow_finds_them(validator: Validator, root: Path) -> None:
    with zipfile.ZipFile(root / "dags/packed.zip", "w") as packed:
        packed.writestr("first.py", "from inner.part import ID\n" + DAG.format(id="zipped"))
        packed.writestr("second.py", DAG.format(id="zipped_too"))
        packed.writestr("words.py", "raise SystemExit\n")
        packed.writestr("inner/__init__.py", "")
        packed.writestr("inner/part.py", "ID = 1\nfrom airflow.sdk import DAG\ndag = DAG('not_at_the_root')\n")
    (root / "dags/text.zip").write_text("airflow dag")
    report = validate_tree(validator, root, ["dags/packed.zip", "dags/text.zip"], SETTINGS)
    assert report.imported == ("dags/packed.zip",)
    [model] = report.models
    assert [(dag.dag_id, len(dag.tasks)) for dag in model.dags] == [("zipped", 1), ("zipped_too", 1)]
    assert rules_of(report) == set()


def test_a_broken_module_of_a_zip_file_is_told_and_the_others_stay(validator: Validator, root: Path) -> None:
    with zipfile.ZipFile(root / "dags/packed.zip", "w") as packed:
        packed.writestr("first.py", "1 / 0  # an airflow dag\n")
        packed.writestr("second.py", DAG.format(id="zipped"))
    report = validate_tree(validator, root, ["dags/packed.zip"], SETTINGS)
    assert rules_of(report) == {("import-error", "dags/packed.zip/first.py")}
    assert [dag.dag_id for dag in report.files[ReleasePath("dags/packed.zip")].dags] == ["zipped"]


SHOWS_TIMETABLE = """
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.trigger import CronTriggerTimetable
class OnTheHour(CronTriggerTimetable):
    pass
class Shows(AirflowPlugin):
    name = "shows"
    timetables = [OnTheHour]
"""
ASKS_PLUGINS = """
from airflow.plugins_manager import get_timetables_plugins
from airflow.sdk import DAG
for name in get_timetables_plugins():
    globals()[name] = DAG(name.rpartition(".")[2], schedule=None)
"""


def test_a_dag_file_sees_the_plugins_of_its_tree(validator: Validator, root: Path) -> None:
    write(root, {"plugins/shows.py": SHOWS_TIMETABLE, "dags/asks.py": ASKS_PLUGINS})
    report = validate_tree(validator, root, ["dags/asks.py"], SETTINGS)
    assert [dag.dag_id for model in report.models for dag in model.dags] == ["OnTheHour"]
    reads = report.files[ReleasePath("dags/asks.py")].reads
    assert reads is not None
    assert {"plugins/", "plugins/shows.py"} <= set(reads), "another plugin may make it another DAG"
