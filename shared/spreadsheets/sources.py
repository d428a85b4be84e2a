"""Reads the value of a field from the cells of a row, as the mapping's source of the field says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from shared.spreadsheets.cleaning import clean_address, clean_number, comparison_key, slug
from shared.spreadsheets.mapping import Fields, Source, Values
from shared.spreadsheets.verdicts import CellRefused

_MAX_PARTS = 200
_LONGEST_WORD = 500
"""Of a text that becomes a slug, which has 64."""
_SHOWN_VALUES = 20
_EXAMPLE = date(2026, 12, 31)
Cells = Mapping[int, str]
"""Cleaned cells by position."""


class _Joined:
    """Values that contain the separator themselves, found among the parts of a cell: of several the longest."""

    def __init__(self, values: Iterable[str], split: str) -> None:
        self._values: dict[tuple[str, ...], str] = {}
        self._beginnings: set[tuple[str, ...]] = set()
        for value in values:
            parts = tuple(comparison_key(part) for part in value.split(split) if part.strip())
            if len(parts) > 1:
                self._values[parts] = value
                self._beginnings.update(parts[:length] for length in range(1, len(parts)))

    def of(self, parts: Sequence[str]) -> list[str]:
        if not self._values:
            return list(parts)
        keys = [comparison_key(part) for part in parts]
        found: list[str] = []
        at = 0
        while at < len(parts):
            length, value = self._longest(keys, at) or (1, parts[at])
            found.append(value)
            at += length
        return found

    def _longest(self, keys: Sequence[str], at: int) -> tuple[int, str] | None:
        longest = None
        length = 1
        while tuple(keys[at : at + length]) in self._beginnings and at + length < len(keys):
            length += 1
            if (value := self._values.get(tuple(keys[at : at + length]))) is not None:
                longest = length, value
        return longest


class SourceReader:
    def __init__(self, name: str, source: Source, positions: tuple[int, ...], fields: Fields) -> None:
        self._source = source
        self._positions = positions
        self._several = name in fields.several
        self._clean = _cleaner(name, fields)
        self._column = ", ".join(source.named)
        self._known = {comparison_key(key): value for key, value in (source.values or {}).items()}
        self._longest_known = max(map(len, source.values or ()), default=0)
        self._joined = _Joined(source.values or (), source.split) if source.split else None

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
        texts = [text for part in parts if (text := part.strip())]
        return self._joined.of(texts) if self._joined else texts

    def _translated(self, text: str) -> Values:
        source = self._source
        if source.values is not None:
            known = self._known.get(comparison_key(text)) if len(text) <= 2 * self._longest_known else None
            if known is None:
                listed = ", ".join(list(source.values)[:_SHOWN_VALUES])
                raise CellRefused(self._column, f"is not a value that the mapping translates: {listed}")
            return known
        if source.format is not None:
            return self._date(text, source.format)
        if source.slug:
            if len(text) > _LONGEST_WORD:
                raise CellRefused(self._column, f"must have at most {_LONGEST_WORD} characters")
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
