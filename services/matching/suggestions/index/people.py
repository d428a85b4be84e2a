"""People of one role in one programme as growing columns.

A row is not reused for another person while the process lives: lists name mentors by row.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.kernel import scoring, specialties, zones
from services.matching.kernel.columns import UNKNOWN, Ints, Rows, Side, Words
from services.matching.kernel.participants import Member
from services.matching.kernel.rules import FORMAT_BITS
from shared.contracts.profiles import STAGES

SETS = ("topics", "most_wanted", "near", "languages", "hours", "identity")
"""Columns of bit sets. Both sides of a comparison need the same number of words."""
Widths = tuple[int, ...]
"""Of SETS."""
_FIRST_ROWS = 64
_BITS = 64


class Terms:
    """A vocabulary: each term met gets the next number."""

    def __init__(self, known: Mapping[str, int] = MappingProxyType({})) -> None:
        self._numbers = dict(known)

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, term: str | None) -> int:
        return UNKNOWN if term is None else self._numbers.setdefault(term, len(self._numbers))

    @property
    def names(self) -> list[str]:
        """By number."""
        return list(self._numbers)

    def bits(self, terms: Iterable[str]) -> Words:
        return bits([self.number(term) for term in terms])


def bits(numbers: Collection[int]) -> Words:
    """Words with one bit set for each number."""
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
        self.specialties = Terms(specialties.NUMBERS)
        self.identities = Terms()
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
        """The person's row, which never changes."""
        if id not in self.rows:
            if len(self.ids) == self._columns.seed.size:
                self._columns = _grown(self._columns, rows=2 * len(self.ids))
            self.rows[id] = len(self.ids)
            self.ids.append(id)
        return self.rows[id]

    def put(
        self,
        member: Member,
        *,
        topics: Iterable[str],
        identity: Iterable[str],
        room_and_experience: tuple[int, int],
        seed: int,
        free: bool,
        most_wanted: Iterable[str] = (),
    ) -> int:
        """Makes the person present. `room_and_experience`: of a mentor; experience is that of past mentees."""
        row, terms, columns = self.row(member.id), self._vocabulary, self._columns
        columns.institution[row] = terms.institutions.number(member.institution)
        columns.specialty[row] = terms.specialties.number(specialties.known_as(member.specialty))
        columns.stage[row] = STAGES.index(member.stage) if member.stage else UNKNOWN
        columns.style[row] = terms.styles.number(member.style)
        columns.zone[row] = zones.class_of(member.time_zone)
        columns.formats[row] = sum(FORMAT_BITS[format] for format in member.formats)
        columns.room[row], columns.experience[row] = room_and_experience
        columns.across[row] = member.across_institutions
        columns.reverse[row] = member.reverse_mentoring
        columns.seed[row] = seed
        columns.free[row] = free
        columns.present[row] = True
        self._set(row, "topics", terms.topics.bits(topics))
        self._set(row, "most_wanted", terms.topics.bits(most_wanted))
        self._set(row, "near", terms.topics.bits(member.topics_near))
        self._set(row, "languages", terms.languages.bits(member.languages))
        self._set(row, "identity", terms.identities.bits(identity))
        self._set(row, "hours", bits(scoring.hour_bits(member)))
        return row

    def withdraw(self, id: str) -> int | None:
        """Makes the person absent; the row stays reserved."""
        row = self.rows.get(id)
        if row is not None:
            self._columns.present[row] = False
        return row

    def all(self, widths: Widths) -> Side:
        return self._part(slice(0, len(self.ids)), widths)

    def at_row(self, row: int, widths: Widths) -> Side:
        return self._part(slice(row, row + 1), widths)

    def _part(self, rows: slice, widths: Widths) -> Side:
        for name, words in zip(SETS, widths, strict=True):
            self._columns = _wide(self._columns, name, words)
        return self._columns.take(rows)

    def _set(self, row: int, name: str, words: Words) -> None:
        self._columns = _wide(self._columns, name, len(words))
        column = getattr(self._columns, name)
        column[:, row] = 0
        column[: len(words), row] = words

    def is_present(self, row: int) -> bool:
        return bool(self._columns.present[row])

    def rows_of(self, ids: Iterable[str]) -> Rows:
        """Rows of the known people among these."""
        return np.array([self.rows[id] for id in ids if id in self.rows], dtype=np.intp)

    @property
    def seeds(self) -> Words:
        """By row."""
        return self._columns.seed

    @property
    def institutions(self) -> Ints:
        """By row, as numbers of the vocabulary."""
        return self._columns.institution

    @property
    def widths(self) -> Widths:
        return tuple(len(getattr(self._columns, name)) for name in SETS)


def common_widths(mentors: People, mentees: People) -> Widths:
    """The first three sets are compared with each other and need equal widths."""
    topics, most_wanted, near, *others = (max(pair) for pair in zip(mentors.widths, mentees.widths, strict=True))
    return (*[max(topics, most_wanted, near)] * 3, *others)


def _empty(rows: int) -> Side:
    flags = ("present", "free", "across", "reverse")
    numbers = ("institution", "specialty", "stage", "style", "zone", "room", "experience", "formats")
    columns: dict[str, Any] = {name: np.zeros(rows, dtype=np.bool_) for name in flags}
    columns |= {name: np.zeros(rows, dtype=np.int32) for name in numbers}
    columns |= {name: np.zeros((1, rows), dtype=np.uint64) for name in SETS}
    return Side(**columns, seed=np.zeros(rows, dtype=np.uint64))


def _names() -> list[str]:
    return list(Side.__dataclass_fields__)


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
