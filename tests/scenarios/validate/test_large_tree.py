"""A tree too large to be imported when it is first seen: what is known of it, and what that costs, push by push."""

from __future__ import annotations

from pathlib import Path

from dagwarden.names import Digest, ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.standing import ALL_AT_ONCE, Standing, validate_next
from dagwarden.wire import digest

READER = (
    "from airflow.sdk import DAG\nfrom pathlib import Path\nDAG(Path(__file__).with_name('conf.yaml').read_text())\n"
)
PLAIN = "# a dag of airflow's\n"


class Pushes:
    """Pushes to one tree, one after the other."""

    def __init__(self, validator: Validator, root: Path) -> None:
        self._validator, self._root = validator, root
        self._standing: Standing | None = None
        (root / "dags").mkdir()

    def put(self, **files: str) -> None:
        """Lay files down that were released before."""
        for name, text in files.items():
            (self._root / "dags" / name.replace("__", ".")).write_text(text)

    def push(self, **files: str) -> tuple[str, ...]:
        """Push these; the files that were imported for it."""
        self.put(**files)
        paths = [path.relative_to(self._root).as_posix() for path in sorted(self._root.rglob("*.*"))]
        table: dict[ReleasePath, Digest] = {
            ReleasePath(path): digest((self._root / path).read_bytes()) for path in paths
        }
        self._standing, report = validate_next(
            self._validator,
            self._standing,
            self._root,
            table=table,
            pushed=[ReleasePath(f"dags/{name.replace('__', '.')}") for name in files],
            settings=ValidateSettings(),
        )
        return report.imported


def test_the_first_change_of_data_imports_all_once_and_later_ones_who_reads_it(
    validator: Validator, tmp_path: Path
) -> None:
    pushes = Pushes(validator, tmp_path)
    pushes.put(**{f"n{number}__py": PLAIN for number in range(ALL_AT_ONCE)}, reader__py=READER, conf__yaml="one")
    assert pushes.push(n1__py=f"{PLAIN}x = 1\n") == ("dags/n1.py",)
    assert len(pushes.push(conf__yaml="two")) == ALL_AT_ONCE
    assert pushes.push(conf__yaml="three") == ("dags/reader.py",)
    assert pushes.push(n1__py=f"{PLAIN}x = 2\n") == ("dags/n1.py",)
