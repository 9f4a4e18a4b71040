"""What is said in a roundabout way is read as if it were said plainly, line by line."""

from __future__ import annotations

import ast
import itertools

import pytest
from ast_grep_py import SgRoot
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.lint.plain import is_roundabout, join_literals, list_roundabout
from dagwarden.lint.rewritten import Replacement, locate, rewrite


def list_replacements(text: str) -> list[Replacement]:
    return sorted(itertools.chain.from_iterable(list_roundabout(SgRoot(text, "python").root(), text)))


def say_plainly(text: str) -> str:
    return rewrite(text, list_replacements(text))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("f(1, **{'a': x, \"b\": 2})", "f(1, a= x, b= 2)"),
        ("f(**{'a': x,}, c=3)", "f(a= x, c=3)"),
        ("f(**{'a': x, **more})", "f(a= x, **more)"),
        ("f(\n    **{\n        'a': 1,\n    }\n)", "f(\n    \n        a= 1\n    \n)"),
        ("f(**dict(a=x, b=2), c=3)", "f(a=x, b=2, c=3)"),
        ("f(a=dict(b=dict(c=1)))", 'f(a={"b": {"c": 1}})'),
        ("dict(a=1, **more)", '{"a": 1, **more}'),
        ("x = 'all' + 'Users'", "x = 'allUsers'"),
        ("x = 'a' + \"b\" 'c' + y + 'd' + 'e'", "x = 'abc' + y + 'de'"),
        ("f('a'  \n  + 'b'\n  'c')", "f('abc'  \n   \n  )"),
        ("f(('a' + 'b'))", "f( 'ab' )"),
        ("x = ('a' + y + 'b' 'c') * 2", "x = ('a' + y + 'bc') * 2"),
        ("x = 'a' 'b'", "x = 'ab'"),
        ("x = ['a' + 'b', {'c' + 'd': rb'e' + Rb'f'}]", "x = ['ab', {'cd': rb'ef'}]"),
        ("f(**{'a': 'b' + 'c'})", "f(a= 'bc')"),
        ("dict(**{'a': 1}, b=dict(**dict(c=2)))", '{**{"a": 1}, "b": {**{"c": 2}}}'),
        ("x = 'a' + \"'b'\"", "x = \"a'b'\""),
        ("x = '\"a' + \"'b'c\"", """x = \'\'\'"a\'b\'c\'\'\'"""),
    ],
)
def test_it_is_said_plainly(text: str, plain: str) -> None:
    assert is_roundabout(text)
    said = say_plainly(text)
    assert ast.dump(ast.parse(said)) == ast.dump(ast.parse(plain))
    assert said.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("f(** # c\n {'a': 1, # c\n 'b' # c\n : 2}, **\\\n{'c': 3})", "f( # c\n a= 1, # c\n b # c\n = 2, \\\nc= 3)"),
        ("f(a=dict( # c\n b # c\n = 1 # c\n ,))", "f(a={ # c\n 'b' # c\n : 1 # c\n ,})"),
        ("x = ('a' # c\n + # c\n 'b')", "x = ('ab' # c\n # c\n)"),
    ],
)
def test_comments_and_line_ends_may_stand_between(text: str, plain: str) -> None:
    assert ast.dump(ast.parse(say_plainly(text))) == ast.dump(ast.parse(plain))


@pytest.mark.parametrize(
    "text",
    [
        "f(**{})",
        "f(**{'a b': 1})",
        "f(**{x: 1})",
        "f(**more)",
        "f(**{k: v for k, v in x})",
        "dict(x, a=1)",
        "dict()",
        "x.dict(a=1)",
        "x = 'a' + y",
        "x = 'a' + 1",
        "x = 'a' + b'c'",
        "x = 'a' + f'{y}'",
        "x = 'a' - 'b'",
        "x = '''a''' + '''b'''",
    ],
)
def test_what_cannot_be_said_otherwise_stays(text: str) -> None:
    assert say_plainly(text) == text


def test_places_are_those_of_the_file_as_it_is() -> None:
    text = "f('a' + 'b', **{'c': here})"
    replacements = list_replacements(text)
    plain = rewrite(text, replacements)
    assert locate(0, plain.index("here"), replacements) == text.index("here")


def test_words_in_pieces_are_seen_as_one() -> None:
    assert "allUsers" in join_literals("x = 'all' + \\\n 'Use' \"rs\"")


TOKENS = [
    "dict(",
    "**",
    "{",
    "}",
    "(",
    ")",
    "'a'",
    '"b"',
    "r'c'",
    ":",
    "=",
    "+",
    ",",
    "f(",
    "x",
    " ",
    "\n",
    "# c\n",
    "\\\n",
]


@given(st.lists(st.sampled_from(TOKENS)).map("".join))
def test_what_compiles_still_does_and_keeps_its_lines(text: str) -> None:
    try:
        ast.parse(text)
    except SyntaxError:
        return
    plain = say_plainly(text)
    ast.parse(plain)
    assert plain.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "f(**{**{'a': 1}})",
        "f(**{'a': dict(b=1)}, **dict(c={'d': 1}))",
        "f(**dict(a='b' 'c',))",
        "x = (('a' + 'b') + 'c')",
        "x = ('a'\n     + 'b')",
        "return_ = f(('a' 'b') if ('c' + 'd') in('e' 'f') else('g'))",
        "x = ('a' + y) * 2",
        "print(dict(a=1)['a'], {**dict(b=2)}, f(*['a' + 'b']))",
    ],
)
def test_what_is_nested_still_compiles(text: str) -> None:
    ast.parse(say_plainly(text))
