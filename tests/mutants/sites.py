"""Places in the source where one operator can be changed, and the change. Pure.

A change is of the text, not of the tree, so that everything else in a module stays as it is, line numbers too.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_SUMS: Final[dict[type[ast.operator], tuple[str, str]]] = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}
_SILENT: Final = {"__repr__", "statistics"}
"""Functions that nothing is decided by."""

_UNSEEN: Final = {"log", "structlog", "warnings"}
"""Objects whose calls, dropped, change a log only."""

_CHECKED_BY_TYPES: Final = {"frozen", "slots", "weakref_slot", "gc"}
"""Arguments of structs and dataclasses with which mypy or the speed changes, and no result."""


@dataclass(frozen=True)
class Change:
    """A piece of a module's text, from one byte to another, and the text that takes its place.

    ``text`` is the line that it begins in, and ``count`` the number of equal changes of equal lines before it.
    """

    module: str
    line: int
    start: int
    end: int
    before: str
    after: str
    function: str
    text: str
    count: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function}: {self.before!r} -> {self.after!r}"

    @property
    def key(self) -> str:
        """A name of the change that stays the same while other lines of the module change."""
        return f"{self.module} {self.function} {self.text} {self.before} -> {self.after} {self.count}"

    def apply(self, source: bytes) -> bytes:
        """Return the module's text with this change."""
        return source[: self.start] + self.after.encode() + source[self.end :]


def changes_in(module: str, source: bytes) -> list[Change]:
    """Every change that can be made in a module: turned comparisons, ``and`` and ``or``, dropped ``not``, sums that are
    differences, ``True`` and ``False``, 0 and 1, and statements that only call something, left out."""
    seen: Counter[str] = Counter()
    changes = []
    for found in _Finder(module, source).find():
        changes.append(replace(found, count=seen[found.key]))
        seen[found.key] += 1
    return changes


class _Finder:
    """Walks over a module. Annotations, decorators, assertions, messages of exceptions and logs are left out."""

    def __init__(self, module: str, source: bytes) -> None:
        self._module = module
        self._source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def find(self) -> Iterator[Change]:
        """Yield each change, in the order of the text."""
        for node in ast.parse(self._source).body:
            yield from self._visit(node, "")

    def _visit(self, node: ast.AST, function: str) -> Iterator[Change]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name in _SILENT:
                return
            function = node.name
        for place in self._here(node):
            start, end, after = place
            before = self._source[start:end].decode()
            line = self._source.count(b"\n", 0, start) + 1
            text = self._source.splitlines()[line - 1].decode().strip()
            yield Change(self._module, line, start, end, before, after, function or "(module)", text, 0)
        for child in self._children(node):
            yield from self._visit(child, function)

    @staticmethod
    def _children(node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, ast.Assert | ast.Raise | ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Call) and _root(node.func) in _UNSEEN:
            return
        if isinstance(node, ast.keyword) and node.arg in _CHECKED_BY_TYPES:
            return
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "type_params"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield child

    def _here(self, node: ast.AST) -> Iterator[tuple[int, int, str]]:
        """The pieces of text that this node itself offers, each with the text for its place."""
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                yield from self._between(left, right, *_COMPARISONS[type(op)])
            case ast.BoolOp(op=op, values=[first, second, *_]):
                before, after = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                yield from self._between(first, second, before, after)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SUMS:
                if not any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (left, right)):
                    yield from self._between(left, right, *_SUMS[type(op)])
            case ast.UnaryOp(op=ast.Not()):
                start = self._start(node)
                yield start, start + len("not"), "not not"
            case ast.Constant(value=bool(value)):
                yield self._start(node), self._end(node), str(not value)
            case ast.Constant(value=int(value)) if value in (0, 1):
                yield self._start(node), self._end(node), str(value + 1)
            case ast.Expr(value=ast.Call(func=func)) if _root(func) not in _UNSEEN:
                yield self._start(node), self._end(node), "pass"
            case ast.Expr(value=ast.Await(value=ast.Call(func=func))) if "checkpoint" not in ast.dump(func):
                yield self._start(node), self._end(node), "pass"

    def _between(self, left: ast.AST, right: ast.AST, before: str, after: str) -> Iterator[tuple[int, int, str]]:
        """The operator between two operands."""
        start, end = self._end(left), self._start(right)
        gap = self._source[start:end].decode()
        pattern = rf"\b{before}\b" if before[0].isalpha() else re.escape(before)
        found = None if "#" in gap else re.search(pattern.replace(" ", r"\s+"), gap)
        if found is not None:
            offset = len(gap[: found.start()].encode())
            yield start + offset, start + offset + len(found[0].encode()), after

    def _start(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset


def _root(node: ast.AST) -> str:
    """The name that an attribute or a call begins with."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
