"""The difference between two versions, by clause and word."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from services.mentorships.agreements.domain.clauses import CLAUSES, ClauseName, Clauses

Kind = Literal["same", "added", "removed"]
_LEAST_ALIKE = 0.5
"""Texts with less in common are easier to read one after the other than word by word."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseDifference:
    clause: ClauseName
    pieces: Sequence[Piece]
    """The `same` and `removed` pieces make the earlier text, the `same` and `added` ones the later."""


def differences(before: Clauses, after: Clauses) -> Sequence[ClauseDifference]:
    """The clauses that differ."""
    texts = ((name, _text(before, name), _text(after, name)) for name in CLAUSES)
    return [ClauseDifference(clause=name, pieces=list(pieces(old, new))) for name, old, new in texts if old != new]


def pieces(old: str, new: str) -> Iterator[Piece]:
    """Words, spaces and punctuation that stay, go or come."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    matcher = difflib.SequenceMatcher(a=before, b=after)
    if matcher.ratio() < _LEAST_ALIKE:
        yield from (Piece(kind=kind, text=text) for kind, text in _replaced(old, new) if text)
        return
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            yield Piece(kind="same", text="".join(before[old_from:old_to]))
            continue
        if old_to > old_from:
            yield Piece(kind="removed", text="".join(before[old_from:old_to]))
        if new_to > new_from:
            yield Piece(kind="added", text="".join(after[new_from:new_to]))


def _replaced(old: str, new: str) -> tuple[tuple[Kind, str], tuple[Kind, str]]:
    return ("removed", old), ("added", new)


def _text(clauses: Clauses, name: ClauseName) -> str:
    return clauses[name].text if name in clauses else ""
