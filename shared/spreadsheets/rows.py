"""Reads the rows of a file through a section of a mapping: each becomes the values of fields, or reasons.

An error of the file (encoding, header) refuses the file; an error of a row refuses that row. No reason repeats a cell,
which may hold personal data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from shared.csv_lines import unescape_formula
from shared.spreadsheets.cleaning import clean_cell, comparison_key
from shared.spreadsheets.headers import Header, has_all
from shared.spreadsheets.mapping import Fields, LatestBy, Section, Source
from shared.spreadsheets.sources import SourceReader
from shared.spreadsheets.tables import ADVICE_COLUMN, Table, open_table
from shared.spreadsheets.verdicts import CellRefused, Reason, bounded

_MAX_CELL = 20_000
_SHEET_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row with the values of its fields, or with the reasons why it has none."""

    line: int
    """Where the row begins in the file; the header is line 1."""
    cells: Sequence[str]
    """As in the file."""
    values: Mapping[str, Any] | None = None
    reasons: tuple[Reason, ...] = ()
    further: Mapping[str, str] = field(default_factory=dict)
    """Cells of the columns that the caller asked for besides, by name."""
    replaces: int | None = None
    """The line of the same person's earlier answer."""


@dataclass(frozen=True, slots=True)
class Sheet:
    header: Sequence[str]
    form: str
    """For people: `CSV, utf-8, delimiter ;`."""
    rows: Iterator[ReadRow]
    positions: Sequence[int]
    """Of the columns that are read."""


def read(file: IO[bytes], section: Section, fields: Fields, *, further: Sequence[str] = ()) -> Sheet:
    """`further`: columns besides the section's. Raises `Rejected` for the file, later for a broken line."""
    needed = [*section.needed, *further]
    table = open_table(file, section.layout, lambda header: has_all(header, needed))
    reader = _RowReader(Header(table.header, section, further), section, fields, further)
    rows = _rows(table, reader)
    latest = section.latest_by
    kept = rows if latest is None else _latest(rows, reader, latest)
    return Sheet(table.header, table.form, kept, reader.positions)


def _rows(table: Table, reader: "_RowReader") -> Iterator[ReadRow]:
    for line, cells in table.rows:
        yield reader.row(line, cells)


class _RowReader:
    def __init__(self, header: Header, section: Section, fields: Fields, further: Sequence[str]) -> None:
        self._header = header
        self._section = section
        self._identity = fields.identity
        self._width = len(header.titles)
        self._readers = [
            (
                name,
                SourceReader(name, source, self._positions(source), fields),
                name in fields.required or source.required,
            )
            for name, source in section.fields.items()
        ]
        roles = _roles(fields)
        self._roles = [
            (enrol.programme, SourceReader("roles", enrol.roles, self._positions(enrol.roles), roles))
            for enrol in section.enrol
        ]
        sources = {position for source in section.sources for position in self._positions(source)}
        self._further = {name: position for name in further if (position := header.position(name)) is not None}
        self._read = sorted(sources | set(self._further.values()))
        self._unnamed = [at for at, title in enumerate(header.titles) if not title and at not in sources]
        self._is_ours = header.position(ADVICE_COLUMN) is not None
        self._latest = header.position(section.latest_by.column) if section.latest_by else None

    def _positions(self, source: Source) -> tuple[int, ...]:
        found = [position for name in source.named if (position := self._header.position(name)) is not None]
        if source.split is None:
            return tuple(found)
        return tuple(at for position in found for at in (position, *self._header.unnamed_after(position)))

    @property
    def positions(self) -> Sequence[int]:
        return self._read

    def row(self, line: int, cells: Sequence[str]) -> ReadRow:
        if self._is_ours:
            cells = [unescape_formula(cell) for cell in cells]
        if reason := self._misplaced(cells):
            return ReadRow(line, cells, reasons=(reason,))
        cleaned = {at: clean_cell(cells[at]) for at in self._read if at < len(cells) and cells[at]}
        further = {name: cleaned.get(at, "") for name, at in self._further.items()}
        if refused := tuple(self._refused_cells(cleaned)):
            return ReadRow(line, cells, reasons=bounded(refused), further=further)
        values, reasons = self._values(cleaned)
        if reasons:
            return ReadRow(line, cells, reasons=bounded(reasons), further=further)
        return ReadRow(line, cells, values, further=further)

    def _misplaced(self, cells: Sequence[str]) -> Reason | None:
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            named = sum(bool(title) for title in self._header.titles)
            return Reason("", f"has {len(cells)} cells where the header names {named} columns")
        for at in self._unnamed:
            if at < len(cells) and cells[at].strip():
                return Reason("", f"has a value in column {at + 1}, which has no name")
        nul = next((at for at, cell in enumerate(cells) if "\0" in cell), None)
        return Reason(self._title(nul), "must not contain NUL (U+0000)") if nul is not None else None

    def _title(self, at: int) -> str:
        return self._header.titles[at] if at < self._width else ""

    def _refused_cells(self, cleaned: Mapping[int, str]) -> Iterator[Reason]:
        for at, cell in cleaned.items():
            if len(cell) > _MAX_CELL:
                yield Reason(self._title(at), f"must have at most {_MAX_CELL} characters")
            elif cell.startswith("="):
                yield Reason(self._title(at), "starts with =: formulas are refused; paste the column as values")
            elif cell in _SHEET_ERRORS:
                yield Reason(self._title(at), f"is a spreadsheet's error {cell}: correct the formula of this cell")

    def _values(self, cleaned: Mapping[int, str]) -> tuple[dict[str, Any], list[Reason]]:
        values: dict[str, Any] = {}
        reasons: list[Reason] = []
        for name, reader, is_required in self._readers:
            try:
                value = reader.value(cleaned)
            except CellRefused as refused:
                reasons.append(refused.reason)
                continue
            if value is not None:
                values[name] = value
            elif is_required:
                reasons.append(Reason(", ".join(self._section.fields[name].named), "must not be empty"))
        for programme, reader in self._roles:
            try:
                roles = reader.value(cleaned)
            except CellRefused as refused:
                reasons.append(refused.reason)
                continue
            if roles:
                values.setdefault("enrolments", []).append({"programme": programme, "roles": roles})
        return values, reasons

    def moment(self, row: ReadRow, latest: LatestBy) -> datetime | None:
        """When the row was written; None if its cell has no time."""
        at = self._latest
        cell = clean_cell(row.cells[at]) if at is not None and at < len(row.cells) else ""
        try:
            if latest.format is not None:
                return datetime.strptime(cell, latest.format).replace(tzinfo=None)  # noqa: DTZ007 -- the form's own time
            return datetime.fromisoformat(cell.replace("/", "-")).replace(tzinfo=None)
        except ValueError:  # not a time: the caller says which row it is in
            return None

    def person(self, row: ReadRow) -> str | None:
        named = (str(row.values[name]) for name in self._identity if name in row.values) if row.values else iter(())
        return next((comparison_key(value) for value in named), None)


def _roles(fields: Fields) -> Fields:
    return Fields(names=frozenset({"roles"}), several=frozenset({"roles"}), purpose=fields.purpose)


def _latest(rows: Iterable[ReadRow], reader: _RowReader, latest: LatestBy) -> Iterator[ReadRow]:
    """Of each person's rows the one with the latest time, of equal times the last, where it is in the file."""
    kept: dict[object, tuple[datetime, ReadRow]] = {}
    for row in rows:
        key = reader.person(row) or row.line
        at = reader.moment(row, latest)
        if at is None:
            example = "2026-09-01 10:00" if latest.format is None else f"the format {latest.format}"
            advice = "" if latest.format else "; for another way of writing give `latest_by` a `format`"
            reason = Reason(latest.column, f"must be a time like {example}{advice}")
            kept[row.line, key] = (datetime.min, ReadRow(row.line, row.cells, reasons=(reason,)))  # noqa: DTZ901
            continue
        before = kept.get(key)
        if before is None:
            kept[key] = (at, row)
        elif at >= before[0]:
            kept[key] = (at, _replacing(row, before[1]))
        else:
            kept[key] = (before[0], _replacing(before[1], row))
    yield from sorted((row for _, row in kept.values()), key=lambda row: row.line)


def _replacing(row: ReadRow, earlier: ReadRow) -> ReadRow:
    return ReadRow(row.line, row.cells, row.values, row.reasons, row.further, replaces=earlier.line)
