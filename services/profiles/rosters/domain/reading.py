"""Reads a CSV file through a mapping: each row becomes a profile or the reasons for which it is refused.

An error of the file (encoding, header) refuses the file; an error of a row refuses that row. Columns that the mapping
ignores are dropped here and stored nowhere. No reason repeats a cell, which may hold personal data.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.mapping import (
    MAX_COLUMN_NAME,
    MAX_COLUMNS,
    SEVERAL,
    Section,
    Source,
    Values,
    shown,
)
from shared.errors import FieldError, Rejected
from shared.refusals import worded

_BOM = "\ufeff"
_MAX_LINE_BYTES = 1_000_000
_MAX_CELL = 20_000
_MAX_PARTS = 200
_MOST_ERRORS = 50
_MOST_REASONS = 10
"""For one row: 250 rows are stored in one document, and every column may be wrong in each."""
_MAX_MESSAGE = 300
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Reason:
    column: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    line: int
    """Where the row begins in the file; the header is line 1."""
    profile: Profile | None = None
    reasons: tuple[Reason, ...] = ()


class _Refused(Exception):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(column, message)


def rows(file: Iterable[bytes], section: Section) -> Iterator[Row]:
    """Raises `Rejected` if the file itself is wrong: at once for its header, later for a broken line."""
    reader = csv.reader(_decoded(file), delimiter=section.delimiter, strict=True)
    header = _header(reader, section)
    seen = _Seen()
    while True:
        line = reader.line_num + 1
        cells = _next(reader, line)
        if cells is None:
            return
        if cells:
            yield _bounded(seen.check(_row(line, header, cells, section)))


def _decoded(file: Iterable[bytes]) -> Iterator[str]:
    for number, raw in enumerate(file, 1):
        if len(raw) > _MAX_LINE_BYTES:
            raise file_refused(f"line {number} is longer than {_MAX_LINE_BYTES // 1000} KB")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise file_refused(f"line {number} is not UTF-8: save the file as CSV UTF-8") from None
        yield text.removeprefix(_BOM) if number == 1 else text


def _next(reader: Any, line: int) -> list[str] | None:
    try:
        cells: list[str] | None = next(reader, None)
    except csv.Error as broken:
        cause = str(broken).partition(" - do you")[0]  # the rest is advice for Python programmers
        raise file_refused(f"line {line} cannot be read as CSV: {cause}: save the file as CSV UTF-8") from None
    return cells


def _header(reader: Any, section: Section) -> Sequence[str]:
    first = _next(reader, 1)
    if not first or not any(name.strip() for name in first):
        raise file_refused("the file is empty: its first line must name the columns")
    if len(first) > MAX_COLUMNS:
        raise file_refused(f"has {len(first)} columns, and a roster has at most {MAX_COLUMNS}")
    header = [unicodedata.normalize("NFC", name.strip()) for name in first]  # as the mapping's columns are
    if wrong := list(_wrong_columns(header, section)):
        more = [f"{len(wrong) - _MOST_ERRORS} more columns are wrong"] if len(wrong) > _MOST_ERRORS else []
        raise file_refused(*wrong[:_MOST_ERRORS], *more)
    return header


def _wrong_columns(header: Sequence[str], section: Section) -> Iterator[str]:
    times, known = Counter(header), section.read | set(section.ignore)
    yield from (f"column {number} has no name" for number, name in enumerate(header, 1) if not name)
    yield from (
        f"the name of column {number} is longer than {MAX_COLUMN_NAME} characters"
        for number, name in enumerate(header, 1)
        if len(name) > MAX_COLUMN_NAME
    )
    named = [name for name in times if 0 < len(name) <= MAX_COLUMN_NAME]
    yield from (f"column {name!r} appears twice" for name in sorted(named) if times[name] > 1)
    yield from (f"required column {name!r} is missing" for name in sorted(section.needed - set(header)))
    yield from (f"column {name!r} is unknown: map it, or list it under ignore" for name in named if name not in known)


def _row(line: int, header: Sequence[str], cells: Sequence[str], section: Section) -> Row:
    if len(cells) != len(header):
        reason = Reason("", f"has {len(cells)} cells where the header names {len(header)} columns")
        return Row(line=line, reasons=(reason,))
    by_column = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if too_long := [name for name, cell in by_column.items() if len(cell) > _MAX_CELL]:
        limit = f"must have at most {_MAX_CELL} characters"
        return Row(line=line, reasons=tuple(Reason(name, limit) for name in too_long))
    formulas = [name for name, cell in by_column.items() if cell.startswith("=")]
    if formulas:
        return Row(line=line, reasons=tuple(Reason(name, "starts with =: formulas are refused") for name in formulas))
    return _mapped(line, by_column, section)


def _bounded(row: Row) -> Row:
    more = len(row.reasons) - _MOST_REASONS
    reasons = [
        Reason(shown(reason.column, MAX_COLUMN_NAME), shown(reason.message, _MAX_MESSAGE))
        for reason in row.reasons[:_MOST_REASONS]
    ]
    rest = [Reason("", f"{more} more values are wrong")] if more > 0 else []
    return replace(row, reasons=(*reasons, *rest))


def _mapped(line: int, by_column: dict[str, str], section: Section) -> Row:
    values, reasons = _values(by_column, section)
    if reasons:
        return Row(line=line, reasons=tuple(reasons))
    try:
        return Row(line=line, profile=Profile.model_validate(values))
    except ValidationError as invalid:
        return Row(line=line, reasons=tuple(dict.fromkeys(_reasons(invalid, section))))


def _values(by_column: dict[str, str], section: Section) -> tuple[dict[str, Any], list[Reason]]:
    values: dict[str, Any] = {}
    reasons: list[Reason] = []
    for name, source in section.fields.items():
        try:
            value = _value(by_column, source, several=name in SEVERAL)
        except _Refused as refused:
            reasons.append(refused.reason)
            continue
        if value is not None:
            values[name] = value
        elif section.is_required(name):
            reasons.append(Reason(", ".join(source.named), "must not be empty"))
    for enrol in section.enrol:
        try:
            roles = _value(by_column, enrol.roles, several=True)
        except _Refused as refused:
            reasons.append(refused.reason)
            continue
        if roles:
            values.setdefault("enrolments", []).append({"programme": enrol.programme, "roles": roles})
    return values, reasons


def _value(by_column: dict[str, str], source: Source, *, several: bool) -> Values | None:
    """None if the file has no value."""
    if source.constant is not None:
        return _listed(source.constant) if several else source.constant
    cell = " ".join(filter(None, (by_column.get(name, "") for name in source.named)))
    if not cell:
        return _listed(source.default) if several and source.default is not None else source.default
    if not several:
        return _translated(cell, source)
    parts = cell.split(source.split, _MAX_PARTS) if source.split else [cell]
    if len(parts) > _MAX_PARTS:
        raise _Refused(", ".join(source.named), f"must have at most {_MAX_PARTS} values")
    return [value for part in parts if part.strip() for value in _listed(_translated(part.strip(), source))]


def _translated(text: str, source: Source) -> Values:
    if source.values is not None:
        if text not in source.values:
            known = ", ".join(list(source.values)[:20])
            raise _Refused(", ".join(source.named), f"is not a value that the mapping translates: {known}")
        return source.values[text]
    return _NOT_SLUG.sub("-", text.lower()).strip("-") if source.slug else text


def _listed(values: Values) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


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
        keys = {what: hash((what, value)) for what, value in known.items() if value is not None}
        for what, key in keys.items():
            if key in self.lines:
                return Row(line=row.line, reasons=(Reason("", f"has the same {what} as line {self.lines[key]}"),))
        self.lines.update(dict.fromkeys(keys.values(), row.line))
        return row


def file_refused(*messages: str) -> Rejected:
    return Rejected(
        "roster_invalid",
        "the file cannot be read: see errors; nothing was imported",
        tuple(FieldError("file", message) for message in messages),
    )
