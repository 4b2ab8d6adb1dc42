"""The places where one operator can be changed."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.sites import changes_in


def changed(source: str) -> list[str]:
    """The module with each change, one at a time."""
    data = source.encode()
    return [change.apply(data).decode() for change in changes_in("m.py", data)]


@pytest.mark.parametrize(
    ("source", "results"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = é == b", ["x = é != b"]),
        ("x = a is not b", ["x = a is b"]),
        ("x = a  in b", ["x = a  not in b"]),
        ("x = a not in b", ["x = a in b"]),
        ("x = a and b", ["x = a or b"]),
        ("x = (a) or (b)", ["x = (a) and (b)"]),
        ("x = not a", ["x = not not a"]),
        ("x = not(a or b)", ["x = not not(a or b)", "x = not(a and b)"]),
        ("x = a + b", ["x = a - b"]),
        ("x = True", ["x = False"]),
        ("x = 0", ["x = 1"]),
        ("save(a)", ["pass"]),
        ("async def f():\n    await send(a)", ["async def f():\n    pass"]),
    ],
)
def test_each_operator_has_its_change(source: str, results: list[str]) -> None:
    assert changed(source) == results


@pytest.mark.parametrize(
    "source",
    [
        "x: Literal[True]",
        "def f(a: Literal[0]) -> Literal[1]: ...",
        "assert a == b",
        "raise Bad(a + b)",
        "log.warning(a < b)",
        "if TYPE_CHECKING:\n    x = 0",
        "def __repr__(self): return a + b",
        "x = 'a' + b",
        "x = a < b < c",
        "x = 'a == b'  # a == b",
        "x = 7",
        "class A(Struct, frozen=True): ...",
    ],
)
def test_what_decides_nothing_is_left_alone(source: str) -> None:
    assert changed(source) == []


def test_every_change_is_a_module_again_and_says_where_it_is() -> None:
    lines = (
        "def f(a):",
        "    if (",
        "        a == 'é'",
        "        and not g(a)",
        "    ):",
        "        put(",
        "  a",
        "  )",
    )
    source = "\n".join(lines)
    found = changes_in("m.py", source.encode())
    for change in found:
        ast.parse(change.apply(source.encode()))
    assert [(change.line, change.before, change.after, change.function) for change in found] == [
        (4, "and", "or", "f"),
        (3, "==", "!=", "f"),
        (4, "not", "not not", "f"),
        (6, "put(\n  a\n  )", "pass", "f"),
    ]
