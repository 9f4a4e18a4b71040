"""The rule on secrets in plain text, for those that a loop, a factory or a data file gives to a task.

What a secret is, lint's rule says: it is asked of what is suspect, written as dictionaries of one entry each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ast_grep_py import SgRoot

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import find
from dagwarden.lint.secrets import mask
from dagwarden.validate.model import FileModel
from dagwarden.validate.plain import Suspect
from dagwarden.validate.rules.identities import HARD_CODED_SECRET
from dagwarden.validate.rules.rule import name_some


def check_secrets(model: FileModel, suspects: Iterable[Suspect]) -> Iterator[Finding]:
    """One finding for each secret and place, with the tasks that are given it; masked."""
    lines = {task.task_id: task.line for dag in model.dags for task in dag.tasks}
    given: dict[tuple[str, str], list[str]] = {}
    for each in _keep_secrets(tuple(suspects)):
        given.setdefault((each.place, each.text), []).append(each.task_id)
    for (place, text), tasks in given.items():
        said = f"a secret is written in plain text: {mask(text)}, `{place}` of {name_some(tasks)}"
        yield find(HARD_CODED_SECRET, said, path=model.path, line=lines.get(tasks[0], 0))


def _keep_secrets(suspects: tuple[Suspect, ...]) -> Iterator[Suspect]:
    if not suspects:  # most files: the rules need not even be loaded
        return
    rule = next(pattern for pattern in load_catalogue().patterns if pattern.page.rule == HARD_CODED_SECRET.rule)
    text = "\n".join(f"{{{each.name!r}: {each.text!r}}}" for each in suspects)
    found = SgRoot(text, "python").root().find_all(rule.config)  # type: ignore[call-overload]
    yield from (suspects[line] for line in sorted({node.range().start.line for node in found}))
