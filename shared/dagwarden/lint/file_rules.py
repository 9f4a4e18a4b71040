"""The rules on a file as such: whether it is text, whether it is Python, and how its rules were suppressed."""

from __future__ import annotations

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page

SYNTAX_ERROR = Page(
    rule="syntax-error",
    code="DW001",
    category="file",
    severity=Severity.ERROR,
    what="The file does not compile with the Python of the environment.",
    why="Airflow cannot import it: its DAGs vanish, and so do those of every file that imports it.",
    hint="Fix the syntax; `python -m py_compile FILE` shows the same.",
    example="with DAG('a') as dag\n    ...\n",
    instead="with DAG('a') as dag:\n    ...\n",
    limits="A file that only a newer Python than the checker's may compile gets a warning: the checker cannot know.",
    sources=("https://airflow.apache.org/docs/apache-airflow/stable/best-practices.html",),
)
UNDECODABLE_BYTES = Page(
    rule="undecodable-bytes",
    code="DW002",
    category="file",
    severity=Severity.ERROR,
    what="The file's bytes are no text in the encoding it declares (UTF-8 unless it says otherwise).",
    why="Python refuses to read it.",
    hint="Save the file as UTF-8.",
    sources=("https://peps.python.org/pep-0263/",),
)
NUL_BYTES = Page(
    rule="nul-bytes",
    code="DW003",
    category="file",
    severity=Severity.ERROR,
    what="The file holds NUL bytes.",
    why="Python refuses to compile it; it is often a binary file or UTF-16 text under a wrong name.",
    hint="Save the file as UTF-8 text, or do not name it .py.",
)
CONFLICT_MARKERS = Page(
    rule="conflict-markers",
    code="DW004",
    category="file",
    severity=Severity.ERROR,
    what="A merge conflict was committed unresolved.",
    why="The file does not compile, and neither side of the conflict runs.",
    hint="Resolve the conflict: keep one side and delete the three marker lines.",
    example="<<<<<<< HEAD\nRETRIES = 2\n=======\nRETRIES = 3\n>>>>>>> feature\n",
    instead="RETRIES = 3\n",
)
PYTHON_2 = Page(
    rule="python-2",
    code="DW005",
    category="file",
    severity=Severity.ERROR,
    what="The file is written in Python 2.",
    why="No Airflow that is still maintained runs Python 2.",
    hint="Port it; `print x` becomes `print(x)`, `except A, e` becomes `except A as e`.",
    example="print 'done'\n",
    instead="print('done')\n",
)
BYTE_ORDER_MARK = Page(
    rule="byte-order-mark",
    code="DW006",
    category="file",
    severity=Severity.WARNING,
    what="The file starts with a UTF-8 byte order mark.",
    why="Python reads it, but tools that look at the first bytes of a file do not.",
    hint="Save the file as UTF-8 without a byte order mark.",
)
TOO_COMPLEX = Page(
    rule="too-complex",
    code="DW007",
    category="file",
    severity=Severity.ERROR,
    what="The file is nested deeper than Python compiles.",
    why="Airflow cannot import it either.",
    hint="Move generated data into a data file.",
)
NOT_ANALYSED = Page(
    rule="not-analysed",
    code="DW008",
    category="file",
    severity=Severity.WARNING,
    what="The file compiles, but a tool that reads it for rules gave up on it.",
    why="What it would have found is not known.",
    hint="Split the file, or move generated data into a data file.",
)
NO_ANSWER = Page(
    rule="no-answer",
    code="DW009",
    category="file",
    severity=Severity.ERROR,
    what="The file cannot be read, or reading it took longer than the time limit or ended the process that did.",
    why="Nothing is known of it; what takes seconds to read is nothing a DAG processor should read every minute.",
    hint="Move generated data into a data file.",
)
UNRENDERED_TEMPLATE = Page(
    rule="unrendered-template",
    code="DW014",
    category="file",
    severity=Severity.WARNING,
    what="The file is a template: it holds placeholders and is Python only once they are filled in.",
    why="Nothing can be said of it as it is; where Airflow finds it, it is an import error.",
    hint="Push what the template renders to, or give the template another name than *.py.",
    example="dag = DAG('{{ cookiecutter.name }}', schedule={{ cookiecutter.schedule }}%}\n",
    instead="dag = DAG('orders', schedule='@daily')\n",
    limits="Only files that do not compile are looked at: placeholders within strings are Python.",
)
NOTEBOOK = Page(
    rule="notebook-as-python",
    code="DW015",
    category="file",
    severity=Severity.ERROR,
    what="The file is a notebook under a Python name.",
    why="It is JSON: Airflow cannot import it, even where it happens to compile.",
    hint="Export it: `jupyter nbconvert --to script NOTEBOOK`.",
    example='{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n',
    instead="print('hello')\n",
)
TEST_FILE_RELEASED = Page(
    rule="test-file-released",
    code="DW010",
    category="file",
    severity=Severity.INFO,
    what="A test lies among the files that components run.",
    why="Every component copies it and every parse reads it; Composer's documentation says so of tests in dags/.",
    hint="Keep tests beside dags/, not in it, or leave them out of the push.",
    limits="Told by the name; a file that makes a DAG at its top level is none.",
    sources=("https://docs.cloud.google.com/composer/docs/composer-3/troubleshooting-cloud-storage",),
)
VIRTUALENV_RELEASED = Page(
    rule="virtualenv-released",
    code="DW011",
    category="file",
    severity=Severity.WARNING,
    what="A virtual environment or a folder of packages lies among the files that components run.",
    why="It is thousands of files that every component copies and the DAG processor searches for DAGs.",
    hint="List packages in the environment's requirements; delete the folder and name it in .gitignore.",
    sources=("https://docs.cloud.google.com/composer/docs/composer-3/troubleshooting-cloud-storage",),
)
LEFTOVER_RELEASED = Page(
    rule="leftover-released",
    code="DW012",
    category="file",
    severity=Severity.WARNING,
    what="What a tool left behind lies among the files that components run: byte code, editor copies, a .git folder.",
    why="A stale .pyc can be imported in place of the source that was reviewed; the rest only costs time.",
    hint="Delete it and name it in .gitignore.",
)
BIG_FILE = Page(
    rule="big-file",
    code="DW013",
    category="file",
    severity=Severity.WARNING,
    what="A Python file larger than 1 MiB, or another file larger than 8 MiB.",
    why="Each component holds a copy on its own disk; too much evicts schedulers and workers, or sync never ends.",
    hint="Keep data in data/, in a bucket of its own or in an image.",
    limits="A push whose file is larger than the policy's `limits.max_file_bytes` is refused: see `file-too-large`.",
    sources=("https://docs.cloud.google.com/composer/docs/composer-3/troubleshooting-cloud-storage",),
)
SUPPRESSION_WITHOUT_REASON = Page(
    rule="suppression-without-reason",
    code="DW020",
    category="suppression",
    severity=Severity.WARNING,
    what="A suppression gives no reason, so it suppresses nothing.",
    why="Who reads the report later must be able to judge whether the exception still holds.",
    hint="Write `# dagwarden: allow RULE -- REASON`.",
    example="KEY = 'AIza...'  # dagwarden: allow hard-coded-secret\n",
    instead="KEY = 'AIza...'  # dagwarden: allow hard-coded-secret -- a public demo key, restricted by referrer\n",
)
UNUSED_SUPPRESSION = Page(
    rule="unused-suppression",
    code="DW021",
    category="suppression",
    severity=Severity.WARNING,
    what="A suppression stands where the rule finds nothing, names no rule, or one that no comment can allow.",
    why="It would hide the next real finding on that line.",
    hint="Delete it.",
    limits="Nothing is said of comments on rules that an import decides: text does not show whether they are met.",
)
SUPPRESSED = Page(
    rule="suppressed",
    code="DW022",
    category="suppression",
    severity=Severity.INFO,
    what="A finding was suppressed in the code, with a reason.",
    why="Exceptions are counted and shown, never silent. A policy that enforces this rule forbids suppressing.",
    hint="",
)

FILE_RULES: tuple[Page, ...] = (
    SYNTAX_ERROR,
    UNDECODABLE_BYTES,
    NUL_BYTES,
    CONFLICT_MARKERS,
    PYTHON_2,
    BYTE_ORDER_MARK,
    TOO_COMPLEX,
    NOT_ANALYSED,
    NO_ANSWER,
    TEST_FILE_RELEASED,
    VIRTUALENV_RELEASED,
    LEFTOVER_RELEASED,
    BIG_FILE,
    UNRENDERED_TEMPLATE,
    NOTEBOOK,
    SUPPRESSION_WITHOUT_REASON,
    UNUSED_SUPPRESSION,
    SUPPRESSED,
)
