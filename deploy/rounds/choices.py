"""Finds the people whom the files name: choices, and pairs to keep apart or together."""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.rounds.people import Participant
from deploy.rounds.refusals import refused
from shared.errors import Rejected
from shared.spreadsheets.cleaning import clean_address, clean_cell, comparison_key, name_key
from shared.spreadsheets.tables import Layout, open_table
from shared.spreadsheets.verdicts import shown

_SHOWN = 60
_A_PAIR = 2
_MAX_PAIRS = 20_000


class Directory:
    """People of one side by address, staff number or name."""

    def __init__(self, people: Mapping[str, Participant]) -> None:
        """`people`: by pseudonym."""
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for id, person in people.items():
            keys = {comparison_key(key) for key in (person.profile.email, person.profile.external_id) if key}
            for key in keys:
                self._by_key[key].append(id)
            self._by_name[name_key(person.profile.name)].append(id)

    def named(self, text: str) -> Sequence[str]:
        """Pseudonyms; several if people share a name."""
        for key in (comparison_key(clean_address(text)), comparison_key(text)):
            if key in self._by_key:
                return self._by_key[key]
        return self._by_name.get(name_key(text), ())


@dataclass(frozen=True, slots=True)
class Chosen:
    choices: Mapping[str, Mapping[str, int]]
    """By chooser the ranks of those chosen, from 1; both as pseudonyms."""
    warnings: Sequence[str]


def chosen(choosing: Mapping[str, Participant], directory: Directory, role: str) -> Chosen:
    """`role`: of those who are chosen."""
    warnings: list[str] = []
    found: dict[str, dict[str, int]] = {}
    for id, person in choosing.items():
        ranks: dict[str, int] = {}
        for number, text in enumerate(person.chosen, 1):
            named = directory.named(text)
            place = f"line {person.line}: choice {number} ({shown(text, _SHOWN)})"
            if len(named) != 1:
                problem = (
                    f"is the name of {len(named)} {role}s: write an address" if named else f"is no {role} of this round"
                )
                warnings.append(f"{place} {problem}; it is passed over")
            elif named[0] in ranks:
                warnings.append(f"{place} names the same {role} as an earlier choice; it counts once")
            else:
                ranks[named[0]] = len(ranks) + 1
        found[id] = ranks
    return Chosen(found, warnings)


@dataclass(frozen=True, slots=True)
class PairsFile:
    """Pairs of a mentee and a mentor, as pseudonyms, with the line of each."""

    pairs: Mapping[tuple[str, str], int]
    warnings: Sequence[str] = ()


NO_PAIRS = PairsFile({})


def pairs(name: str, content: bytes, mentees: Directory, mentors: Directory, *, both_ways: bool) -> PairsFile:
    """Reads two columns, `mentee` and `mentor`. With `both_ways` the order of a pair does not count.

    Raises `Rejected`; a pair of which one is not in the round is passed over with a warning if `both_ways`.
    """
    found: dict[tuple[str, str], int] = {}
    warnings: list[str] = []
    for line, first, second in _lines(name, content):
        here = list(_pairs_of(first, second, mentees, mentors, both_ways=both_ways))
        if any(len(mentee) > 1 or len(mentor) > 1 for mentee, mentor in here):
            raise refused(f"pairs of {name}", (f"line {line}", "a name is that of several people: write an address"))
        known = [(mentee[0], mentor[0]) for mentee, mentor in here if mentee and mentor]
        if not known and not both_ways:
            message = "must name a mentee and a mentor of this round"
            raise refused(f"pairs of {name}", (f"line {line}", message))
        if not known:
            warnings.append(f"{name}, line {line}: names no mentee and mentor of this round; it is passed over")
        found |= dict.fromkeys(known, line)
    return PairsFile(found, warnings)


def _pairs_of(
    first: str, second: str, mentees: Directory, mentors: Directory, *, both_ways: bool
) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    yield mentees.named(first), mentors.named(second)
    if both_ways:
        yield mentees.named(second), mentors.named(first)


def _lines(name: str, content: bytes) -> Iterator[tuple[int, str, str]]:
    try:
        table = open_table(io.BytesIO(content), Layout(), lambda header: len([*filter(None, header)]) == _A_PAIR)
        titles = [comparison_key(title) for title in table.header if title]
        if len(titles) != _A_PAIR:
            raise refused(f"pairs of {name}", ("line 1", "must name two columns: mentee,mentor"))
        swapped = titles == ["mentor", "mentee"]
        if not swapped and "@" in "".join(titles):
            raise refused(f"pairs of {name}", ("line 1", "must be the header: mentee,mentor"))
        for number, (line, cells) in enumerate(table.rows):
            if number == _MAX_PAIRS:
                raise refused(f"pairs of {name}", ("", f"must not have more than {_MAX_PAIRS} rows"))
            first, second = (clean_cell(cell) for cell in (*cells, "", "")[:_A_PAIR])
            yield (line, second, first) if swapped else (line, first, second)
    except Rejected as unreadable:
        if unreadable.code == "spreadsheet_refused":
            raise
        raise refused(f"pairs of {name}", *((error.field, error.message) for error in unreadable.errors)) from None
