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
    what="A suppression stands where the rule finds nothing, or names no rule.",
    why="It would hide the next real finding on that line.",
    hint="Delete it.",
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
    SUPPRESSION_WITHOUT_REASON,
    UNUSED_SUPPRESSION,
    SUPPRESSED,
)
