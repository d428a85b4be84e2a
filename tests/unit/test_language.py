"""The field's language: names and phrases of the project's former dialect do not come back (docs/glossary.md)."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NAME_PARTS = frozenset(
    re.findall(
        r"\w+",
        "agenda aloud anew desk doorbell everybody handed handing heard keeper keepers ledger meanwhile "
        "mending nobody pulse retold said shelf shelves somebody standing stands telling tells told whoever workshop "
        "workshops worth",
    )
)
"""Not allowed as a word of an identifier: `_errors_told`, `RoundShelf`."""
NAMES = frozenset({"one"})
"""Not allowed as a whole identifier: a variable is named after its element."""
PHRASES = re.compile(r"\b(aloud|anew|by itself|is no JSON|is none of|stands? twice|told|whoever)\b", re.IGNORECASE)
"""Not allowed in docstrings, comments, docs and messages."""
PINNED = frozenset({"repair_by_itself_up_to", "runs_by_itself", "told_at"})
"""Names in contracts and APIs."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def banned_names(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string not in PINNED:
            words = {word.lower() for word in _WORDS.findall(token.string)}
            yield from words & NAME_PARTS
            yield from {token.string} & NAMES


def banned_phrases(source: str) -> Iterator[str]:
    """In the comments, docstrings and messages of a module. A text of three words is a message."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield from _phrases(token.string)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") > 1:
            yield from _phrases(node.value)


def _phrases(text: str) -> Iterator[str]:
    """A phrase may be broken by a line's end. Code and quoted names are not prose."""
    prose = re.sub(r"`[^`]*`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    yield from (match.lower() for match in PHRASES.findall(re.sub(r"\s+", " ", prose)))


@cache
def _found() -> Mapping[str, list[str]]:
    """The banned words of each file, sorted."""
    found: dict[Path, set[str]] = {}
    for folder in ("services", "shared", "deploy", "bench", "tests"):
        for path in sorted({*(ROOT / folder).rglob("*.py")} - {Path(__file__)}):
            source = path.read_text(encoding="utf-8")
            found[path] = {*banned_names(source), *banned_phrases(source)}
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        found[path] = set(_phrases(path.read_text(encoding="utf-8")))
    return {path.relative_to(ROOT).as_posix(): sorted(words) for path, words in found.items()}


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("for one in rows: pass", "one"),
        ("names = [one.name for one in rows]", "one"),
        ("def save(one: Row) -> None: ...", "one"),
        ("_ERRORS_TOLD = 50", "told"),
        ("class RoundShelf: ...", "shelf"),
        ("def _handing(): ...", "handing"),
        ("store.nobody_left()", "nobody"),
    ],
)
def test_a_banned_name_is_found(source: str, word: str) -> None:
    assert word in set(banned_names(source))


@pytest.mark.parametrize(
    ("source", "phrase"),
    [
        ('"""Whoever asks is told."""', "whoever"),
        ("x = 1  # computed anew", "anew"),
        ('class A:\n    field: int\n    """Ends by\n    itself."""', "by itself"),
        ('def f():\n    """The body is no JSON."""', "is no json"),
        ('raise Rejected(f"{name}: two institutions stand twice")', "stand twice"),
    ],
)
def test_a_banned_phrase_is_found(source: str, phrase: str) -> None:
    assert phrase in set(banned_phrases(source))


@pytest.mark.parametrize(
    "source",
    [
        'fields = {"told": "anew"}',
        "done = everyone = stone = phone_number = None",
        "repair_by_itself_up_to = 3",
        '"""Reads `told` of old documents."""',
    ],
)
def test_stored_fields_pinned_names_and_other_words_are_allowed(source: str) -> None:
    assert [*banned_names(source), *banned_phrases(source)] == []


def test_no_file_has_a_banned_word() -> None:
    assert {path: words for path, words in _found().items() if words} == {}


def test_the_guard_reads_many_files() -> None:
    assert len(_found()) > 400
