"""Text to styled rows: a small Markdown, links, mentions, and wrapping by cells. Pure.

Theory of operation. :func:`markup` reads a message into paragraphs of spans; :func:`wrap` breaks spans into rows no
wider than given. A span's style is one or more words (``"mention"``, ``"quote bold"``) that a theme gives colours.

The Markdown is small and fixed: fences and ``code``, ``> quotes``, ``**bold**``, ``*italic*``, ``~~struck~~``,
links, ``@mentions`` and ``#rooms``. Signs without a partner stay as they are, so a text that
is not Markdown loses nothing. The length between two signs is bounded, so no text takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from trio_chat.protocol import addressing
from trio_chat.protocol.names import fold_name
from trio_chat.ui.terminal.graphemes import clusters, text_width, width


class Span(NamedTuple):
    """A text in one style; ``link`` is its URL."""

    style: str
    text: str
    link: str = ""


Row: TypeAlias = list[Span]
CODE_BAR: Final = "│ "
"""The prefix of each row of code between fences."""

_INLINE: Final = re.compile(
    r"(?P<ticks>`{1,3})(?P<code>[^`](?:.{0,2000}?[^`])?)(?P=ticks)(?!`)"
    r"|(?P<url>\bhttps?://[^\s<>\"`]{1,2000})"
    r"|\*\*(?=\S)(?P<bold>.{1,400}?)(?<=\S)\*\*"
    r"|~~(?=\S)(?P<strike>.{1,400}?)(?<=\S)~~"
    r"|(?<![\w*])\*(?=[^\s*])(?P<star>[^*]{1,400}?)(?<=\S)\*(?![\w*])"
    r"|(?<![\w_])_(?=[^\s_])(?P<under>[^_]{1,400}?)(?<=\S)_(?![\w_])"
    r"|(?<![\w#&/])\#(?P<room>[^\W\d_][\w.\-]{0,31})",
)
_URL_TAIL: Final = ".,;:!?'*_~"
_DEPTH: Final = 3  # emphasis within emphasis


def markup(text: str, base: str = "", me: str = "") -> Iterator[tuple[str, Row]]:
    """The paragraphs of a message: pairs of the prefix of each row, and the spans. ``me`` is the reader's name, where
    the message mentions them."""
    fence = False
    for line in text.expandtabs(4).split("\n"):
        if line.lstrip().startswith("```") and "`" not in line.lstrip().lstrip("`"):
            if not fence and line.strip("` \t"):
                yield CODE_BAR, [Span("dim", line.strip("` \t"))]
            fence = not fence
        elif fence:
            yield CODE_BAR, [Span("code", line)]
        elif line.startswith(">"):
            yield "▌ ", list(inline(line.lstrip("> "), _join(base, "quote"), me))
        else:
            yield "", list(inline(line, base, me))


def inline(text: str, base: str = "", me: str = "", depth: int = 0) -> Iterator[Span]:
    """The spans of one line."""
    names = _mention_styles(text, me)
    at = 0
    for found in _INLINE.finditer(text):
        kind = found.lastgroup
        if kind is None or found.start() < at or (kind == "code" and not found["code"].strip()):
            continue
        if any(start < found.start() < end for start, end, _ in names):
            continue  # a sign that is part of a name
        yield from _with_mentions(text, at, found.start(), base, names)
        at = found.end()
        body = found[kind]
        if kind == "url":
            url = _trim_url(body)
            at -= len(body) - len(url)
            yield Span(_join(base, "link"), url, url)
        elif kind == "code":
            yield Span(_join(base, "code"), body)
        elif kind == "room":
            yield Span(_join(base, "room"), found[0])
        else:
            style = _join(base, {"bold": "bold", "strike": "strike"}.get(kind, "italic"))
            yield from inline(body, style, me, depth + 1) if depth < _DEPTH else (Span(style, body),)
    yield from _with_mentions(text, at, len(text), base, names)


_Mention: TypeAlias = tuple[int, int, str]  # the start and end of a mention in a line, and its style


def _mention_styles(text: str, me: str) -> list[_Mention]:
    """The mentions in a line: those of the reader, and everything else that is written like one."""
    key = fold_name(me)
    mine = addressing.find_mentions(text, lambda name: name == key or None) if me else []
    if "@" not in text and addressing.AT[1] not in text:
        return [(start, end, "mention.me") for start, end, _ in mine]
    starts = {start for start, _, _ in mine}
    others = [(start, end, "mention") for start, end, _ in addressing.mentions(text) if start not in starts]
    return sorted([*((start, end, "mention.me") for start, end, _ in mine), *others])


def _with_mentions(text: str, at: int, end: int, base: str, names: Iterable[_Mention]) -> Iterator[Span]:
    """The spans of a part of a line without other markup."""
    for start, behind, style in names:
        if at <= start and behind <= end:
            if start > at:
                yield Span(base, text[at:start])
            yield Span(_join(base, style), text[start:behind])
            at = behind
    if at < end:
        yield Span(base, text[at:end])


def _join(base: str, style: str) -> str:
    return f"{base} {style}" if base and style not in base.split() else style


def _trim_url(url: str) -> str:
    """A link without the punctuation that follows it: a full stop, or a bracket that was opened before the link."""
    while url:
        last = url[-1]
        if (
            last in _URL_TAIL
            or (last == ")" and url.count(")") > url.count("("))
            or (last == "]" and url.count("]") > url.count("["))
        ):
            url = url[:-1]
        else:
            break
    return url


def links(text: str) -> list[str]:
    """The links of a text, in order."""
    return [_trim_url(found["url"]) for found in _INLINE.finditer(text) if found["url"]]


# ---- wrapping -----------------------------------------------------------------------------------

_WORDS: Final = re.compile(r"\s+|\S+")


def wrap(spans: Iterable[Span], columns: int, *, first: int = 0, words: bool = True) -> list[Row]:
    """Break spans into rows of at most ``columns``, between words if possible.

    ``first`` columns of the first row are used already. Without ``words``, spaces are kept and rows cut at the edge.
    """
    spans = list(spans)
    if first + sum(len(span.text) for span in spans) <= columns and all(span.text.isascii() for span in spans):
        return [spans]
    return _Wrapping(max(columns, 2), first, words=words).run(spans)


class _Wrapping:
    """Fills rows. A word may consist of several spans, which are kept until it ends."""

    def __init__(self, columns: int, first: int, *, words: bool) -> None:
        self._columns = columns
        self._rows: list[Row] = [[]]
        self._used = first
        self._words = words
        self._word: list[tuple[Span, int]] = []

    def run(self, spans: Iterable[Span]) -> list[Row]:
        for span in spans:
            for text in _WORDS.findall(span.text) if self._words else [span.text]:
                piece = Span(span.style, text, span.link)
                if self._words and text.isspace():
                    self._end_word()
                    self._space(piece)
                else:
                    self._word.append((piece, text_width(text)))
        self._end_word()
        return self._rows

    def _break(self) -> None:
        row = self._rows[-1]
        while row and row[-1].text != (kept := row[-1].text.rstrip()):
            last = row.pop()
            if kept:
                row.append(Span(last.style, kept, last.link))
        self._rows.append([])
        self._used = 0

    def _space(self, piece: Span) -> None:
        wide = text_width(piece.text)
        if self._used == 0 and len(self._rows) > 1:
            return  # what separated two words separates them by the break
        if self._used + wide > self._columns:
            self._break()
        else:
            self._put(piece, wide)

    def _end_word(self) -> None:
        wide = sum(one for _, one in self._word)
        if (
            self._used
            and self._used + wide > self._columns
            and (wide <= self._columns or self._used > self._columns // 2)
        ):
            self._break()
        for piece, piece_width in self._word:
            if self._used + piece_width <= self._columns:
                self._put(piece, piece_width)
            else:
                self._cut(piece)
        self._word = []

    def _cut(self, piece: Span) -> None:
        """Add a word that is wider than a row, cluster by cluster."""
        part = ""
        for cluster in clusters(piece.text):
            wide = width(cluster)
            if self._used + wide > self._columns:
                if part:
                    self._rows[-1].append(Span(piece.style, part, piece.link))
                self._rows.append([])
                part, self._used = "", 0
            part += cluster
            self._used += wide
        if part:
            self._rows[-1].append(Span(piece.style, part, piece.link))

    def _put(self, piece: Span, wide: int) -> None:
        row = self._rows[-1]
        if row and row[-1].style == piece.style and row[-1].link == piece.link:
            row[-1] = Span(piece.style, row[-1].text + piece.text, piece.link)
        else:
            row.append(piece)
        self._used += wide


# ---- rows of an exact width ---------------------------------------------------------------------


def row_width(row: Iterable[Span]) -> int:
    """The width of a row in columns."""
    return sum(text_width(span.text) for span in row)


def clip(text: str, columns: int, mark: str = "…") -> str:
    """A text cut to at most ``columns``; ``mark`` stands for the missing part."""
    if text_width(text) <= columns:
        return text
    room = columns - text_width(mark)
    if room < 0:
        return ""
    kept, used = "", 0
    for cluster in clusters(text):
        used += width(cluster)
        if used > room:
            break
        kept += cluster
    return kept + mark


def fit(row: Iterable[Span], columns: int, style: str = "") -> Row:
    """A row of exactly ``columns``: cut, or filled with spaces of a style."""
    kept: Row = []
    used = 0
    for span in row:
        wide = text_width(span.text)
        if used + wide > columns:
            text = clip(span.text, columns - used)
            kept.append(Span(span.style, text, span.link))
            used += text_width(text)
            break
        kept.append(span)
        used += wide
    if used < columns:
        kept.append(Span(style, " " * (columns - used)))
    return kept
