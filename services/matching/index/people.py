"""People of one role in one programme as growing columns.

A row is never given to somebody else while the process lives: lists name mentors by row.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.domain import scoring
from services.matching.domain.columns import UNKNOWN, Rows, Side, Words
from services.matching.domain.model import Member
from services.matching.domain.rules import FORMAT_BITS
from shared.contracts.profiles import STAGES

_FIRST_ROWS = 64
_BITS = 64
_ONE = np.arange(1)


class Terms:
    """A vocabulary: each term met gets the next number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, term: str | None) -> int:
        return UNKNOWN if term is None else self._numbers.setdefault(term, len(self._numbers))

    def bits(self, terms: Iterable[str]) -> npt.NDArray[np.uint64]:
        """Words with one bit set for each term."""
        numbers = [self.number(term) for term in terms]
        words = np.zeros(max(numbers, default=0) // _BITS + 1, dtype=np.uint64)
        for number in numbers:
            words[number // _BITS] |= np.uint64(1 << number % _BITS)
        return words


class Vocabulary:
    """Shared by all columns of a process, so that equal terms have equal numbers."""

    def __init__(self) -> None:
        self.topics = Terms()
        self.languages = Terms()
        self.institutions = Terms()
        self.specialties = Terms()
        self.styles = Terms()


class People:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}
        self._columns = _empty(_FIRST_ROWS)

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, id: str) -> int:
        """Theirs for good."""
        if id not in self.rows:
            if len(self.ids) == self._columns.seed.size:
                self._columns = _grown(self._columns, rows=2 * len(self.ids))
            self.rows[id] = len(self.ids)
            self.ids.append(id)
        return self.rows[id]

    def put(self, member: Member, *, topics: Iterable[str], seed: int, free: bool) -> int:
        """Present from now on."""
        row, terms, columns = self.row(member.id), self._vocabulary, self._columns
        columns.institution[row] = terms.institutions.number(member.institution)
        columns.specialty[row] = terms.specialties.number(member.specialty)
        columns.stage[row] = STAGES.index(member.stage) if member.stage else UNKNOWN
        columns.style[row] = terms.styles.number(member.style)
        columns.zone[row] = scoring.offset_minutes(member.time_zone)
        columns.formats[row] = sum(FORMAT_BITS[one] for one in member.formats)
        columns.across[row] = member.across_institutions
        columns.seed[row] = seed
        columns.free[row] = free
        columns.present[row] = True
        self._columns = _with_bits(columns, "topics", row, terms.topics.bits(topics))
        self._columns = _with_bits(self._columns, "languages", row, terms.languages.bits(member.languages))
        return row

    def withdraw(self, id: str) -> int | None:
        """Not present any more; the row stays theirs."""
        row = self.rows.get(id)
        if row is not None:
            self._columns.present[row] = False
        return row

    def all(self, *, topic_words: int, language_words: int) -> Side:
        """As many words as both sides of a product need."""
        self._columns = _wide(self._columns, "topics", topic_words)
        self._columns = _wide(self._columns, "languages", language_words)
        return _rows(self._columns, slice(0, len(self.ids)))

    def one(self, row: int, *, topic_words: int, language_words: int) -> Side:
        self._columns = _wide(self._columns, "topics", topic_words)
        self._columns = _wide(self._columns, "languages", language_words)
        return _rows(self._columns, slice(row, row + 1))

    def is_present(self, row: int) -> bool:
        return bool(self._columns.present[row])

    def at(self, ids: Iterable[str]) -> Rows:
        """Rows of those who have one."""
        return np.array([self.rows[one] for one in ids if one in self.rows], dtype=np.intp)

    @property
    def seeds(self) -> Words:
        """By row."""
        return self._columns.seed

    @property
    def words(self) -> tuple[int, int]:
        return len(self._columns.topics), len(self._columns.languages)


def _empty(rows: int) -> Side:
    flags = (np.zeros(rows, dtype=np.bool_) for _ in range(3))
    numbers = (np.zeros(rows, dtype=np.int32) for _ in range(6))
    words = (np.zeros((1, rows), dtype=np.uint64) for _ in range(2))
    present, free, across = flags
    institution, specialty, stage, style, zone, formats = numbers
    topics, languages = words
    return Side(
        present=present,
        free=free,
        across=across,
        institution=institution,
        specialty=specialty,
        stage=stage,
        style=style,
        zone=zone,
        formats=formats,
        topics=topics,
        languages=languages,
        seed=np.zeros(rows, dtype=np.uint64),
    )


def _names() -> list[str]:
    return list(Side.__dataclass_fields__)


def _rows(side: Side, rows: slice) -> Side:
    return Side(**{name: getattr(side, name)[..., rows] for name in _names()})


def _grown(side: Side, *, rows: int) -> Side:
    return Side(**{name: _padded(getattr(side, name), rows) for name in _names()})


def _padded(column: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    bigger = np.zeros((*column.shape[:-1], rows), dtype=column.dtype)
    bigger[..., : column.shape[-1]] = column
    return bigger


def _wide(side: Side, name: str, words: int) -> Side:
    column = getattr(side, name)
    if len(column) >= words:
        return side
    wider = np.zeros((words, column.shape[1]), dtype=np.uint64)
    wider[: len(column)] = column
    return Side(**{other: getattr(side, other) for other in _names() if other != name}, **{name: wider})


def _with_bits(side: Side, name: str, row: int, words: npt.NDArray[np.uint64]) -> Side:
    side = _wide(side, name, len(words))
    column = getattr(side, name)
    column[:, row] = 0
    column[: len(words), row] = words
    return side
