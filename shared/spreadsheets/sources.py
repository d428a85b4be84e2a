"""Reads the value of a field from the cells of a row, as the mapping's source of the field says."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from shared.spreadsheets.cleaning import clean_address, clean_number, comparison_key, slug
from shared.spreadsheets.mapping import Fields, Source, Values
from shared.spreadsheets.verdicts import CellRefused

_MAX_PARTS = 200
_SHOWN_VALUES = 20
_EXAMPLE = date(2026, 12, 31)
Cells = Mapping[int, str]
"""Cleaned cells by position."""


class SourceReader:
    def __init__(self, name: str, source: Source, positions: tuple[int, ...], fields: Fields) -> None:
        self._source = source
        self._positions = positions
        self._several = name in fields.several
        self._clean = _cleaner(name, fields)
        self._column = ", ".join(source.named)
        self._known = {comparison_key(key): value for key, value in (source.values or {}).items()}
        self._longest = (
            max((key.count(source.split) + 1 for key in source.values or ()), default=1) if source.split else 1
        )

    def value(self, cells: Cells) -> Values | None:
        """None if the file has no value. Raises `CellRefused`."""
        source = self._source
        if source.constant is not None:
            return _listed(source.constant) if self._several else source.constant
        cell = (source.split or " ").join([cell for at in self._positions if (cell := cells.get(at))])
        if not cell:
            return _listed(source.default) if self._several and source.default is not None else source.default
        if not self._several:
            return self._translated(cell)
        return [value for part in self._parts(cell) for value in _listed(self._translated(part))]

    def _parts(self, cell: str) -> list[str]:
        """The values of a cell. A value that the mapping translates may contain the separator."""
        split = self._source.split
        if not split:
            return [cell]
        parts = cell.split(split, _MAX_PARTS)
        if len(parts) > _MAX_PARTS:
            raise CellRefused(self._column, f"must have at most {_MAX_PARTS} values")
        if self._longest == 1:
            return [text for part in parts if (text := part.strip())]
        joined: list[str] = []
        at = 0
        while at < len(parts):
            longest = range(min(self._longest, len(parts) - at), 1, -1)
            count = next((n for n in longest if comparison_key(split.join(parts[at : at + n])) in self._known), 1)
            joined.append(split.join(parts[at : at + count]).strip())
            at += count
        return [part for part in joined if part]

    def _translated(self, text: str) -> Values:
        source = self._source
        if source.values is not None:
            known = self._known.get(comparison_key(text))
            if known is None:
                listed = ", ".join(list(source.values)[:_SHOWN_VALUES])
                raise CellRefused(self._column, f"is not a value that the mapping translates: {listed}")
            return known
        if source.format is not None:
            return self._date(text, source.format)
        if source.slug:
            spelled = slug(text)
            if not spelled:
                raise CellRefused(self._column, "must have a letter or a digit")
            return spelled
        return self._clean(text) if self._clean else text

    def _date(self, text: str, format: str) -> str:
        try:
            return datetime.strptime(text, format).date().isoformat()  # noqa: DTZ007 -- a day has no zone
        except ValueError:
            try:
                return date.fromisoformat(text).isoformat()  # a workbook's dates are read as ISO
            except ValueError:
                example = _EXAMPLE.strftime(format)
                raise CellRefused(self._column, f"must be a date like {example}") from None


def _cleaner(name: str, fields: Fields) -> Callable[[str], str] | None:
    if name in fields.addresses:
        return clean_address
    return clean_number if name in fields.numbers else None


def _listed(values: Values) -> list[str]:
    return [values] if isinstance(values, str) else list(values)
