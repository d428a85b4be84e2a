"""Reads a file through a mapping: each row becomes a profile or the reasons for which it is refused.

Of a refused row the cells that are read are kept for some time, so that it can be mended. Columns that the mapping
ignores are stored nowhere.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from pydantic import ValidationError

from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.fields import ROSTER
from shared.refusals import worded
from shared.spreadsheets import rows as spreadsheet
from shared.spreadsheets.mapping import Section
from shared.spreadsheets.rows import ReadRow
from shared.spreadsheets.verdicts import Reason, bounded

_MOST_SHOWN = 8_000
"""Characters of a row that are kept for the file of refused rows: a chunk of rows is one document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    line: int
    """Where the row begins in the file; the header is line 1."""
    profile: Profile | None = None
    reasons: tuple[Reason, ...] = ()
    cells: tuple[str, ...] = ()
    """As in the file, without those that are not read, to be shown if the row is refused; none of a row that is too
    long for that.
    """


@dataclass(frozen=True, slots=True)
class OpenRoster:
    titles: Sequence[str]
    """Of the columns; empty for one without a name."""
    rows: Iterator[Row]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row with its cells as in the file, for those who show a refused row to the person who brought it."""

    row: Row
    source: ReadRow


def open_roster(file: IO[bytes], section: Section) -> OpenRoster:
    """Raises `Rejected` if the file itself is wrong, also while its rows are read."""
    sheet = spreadsheet.read(file, section, ROSTER)
    shown = frozenset(sheet.positions)
    rows = (_with_cells(read, shown) for read in source_rows(sheet.rows, section))
    return OpenRoster(sheet.header, rows)


def _with_cells(read: SourceRow, shown: Collection[int]) -> Row:
    cells = tuple(cell if at in shown else "" for at, cell in enumerate(read.source.cells))
    return replace(read.row, cells=cells) if sum(map(len, cells)) <= _MOST_SHOWN else read.row


def source_rows(read: Iterator[ReadRow], section: Section) -> Iterator[SourceRow]:
    seen = _Seen()
    for source in read:
        yield SourceRow(seen.check(_row(source, section)), source)


def _row(source: ReadRow, section: Section) -> Row:
    if source.values is None:
        return Row(line=source.line, reasons=source.reasons)
    try:
        return Row(line=source.line, profile=Profile.model_validate(source.values))
    except ValidationError as invalid:
        return Row(line=source.line, reasons=bounded(list(dict.fromkeys(_reasons(invalid, section)))))


def _reasons(invalid: ValidationError, section: Section) -> Iterator[Reason]:
    for error in invalid.errors(include_input=False):
        name = str(error["loc"][0])
        columns = section.fields[name].named if name in section.fields else ()
        yield Reason(", ".join(columns) or name, worded(error))


@dataclass(slots=True)
class _Seen:
    """Persons seen in earlier rows: 64 bits each, so that 50,000 rows take a few megabytes."""

    lines: dict[int, int] = field(default_factory=dict)

    def check(self, row: Row) -> Row:
        if row.profile is None:
            return row
        known = {"e-mail address": row.profile.email, "external_id": row.profile.external_id}
        keys = {what: hash((what, value)) for what, value in known.items() if value}
        for what, key in keys.items():
            if key in self.lines:
                message = (
                    f"has the same {what} as line {self.lines[key]}: leave one out, or name the column with the "
                    "time of the answer as `latest_by` in the mapping's section"
                )
                return Row(line=row.line, reasons=(Reason("", message),))
        self.lines.update(dict.fromkeys(keys.values(), row.line))
        return row
