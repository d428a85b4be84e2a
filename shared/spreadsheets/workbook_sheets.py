"""The sheets of an XLSX workbook as rows of text, by openpyxl's reading of strings, formats and cells.

Rows and columns that a sheet skips cost nothing. Imported where a workbook is read: openpyxl takes long to load.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import IO, Any
from xml.etree.ElementTree import iterparse

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser

from shared.spreadsheets.packages import MAX_COLUMNS, MAX_UNPACKED, Package
from shared.spreadsheets.verdicts import file_refused, shown

_LAST_ROW = 1_048_576
"""Of the format."""
_NAME_SHOWN = 50
_VALUE = re.compile(rb"<(?:v|is|f)[\s>/]")
"""Counts a formula with its value twice: more than there are is harmless, less would lose rows."""
_ESCAPED_RETURN = "_x000D_"


@dataclass(frozen=True, slots=True)
class _Sheet:
    title: str
    part: str
    is_visible: bool


class Workbook:
    """Strings, formats of dates, and the names of the sheets; the sheets themselves are read on demand."""

    def __init__(self, package: Package, file: IO[bytes]) -> None:
        reader = ExcelReader(file, read_only=True, keep_links=False)
        reader.archive = self._package = package
        reader.read_manifest()
        reader.read_strings()
        reader.read_workbook()
        apply_stylesheet(package, reader.wb)
        self._strings: Sequence[str] = reader.shared_strings
        self._book = reader.wb
        parts = set(reader.valid_files)
        self._sheets = [
            _Sheet(sheet.name, link.target, sheet.state == "visible")
            for sheet, link in reader.parser.find_sheets()
            if link.target in parts and "chartsheet" not in link.Type
        ]

    def rows(self, name: str | None) -> Iterator[tuple[int, list[str]]]:
        part = self._sheet(name).part
        left = _values_in(self._package, part)
        characters = last = 0
        with self._package.open(part) as source:
            for number, cells in self._parser(source).rows():
                if not last < number <= _LAST_ROW:
                    raise ValueError("rows are numbered in their order")
                last = number
                texts = _texts(cells)
                characters += sum(map(len, texts))
                if characters > MAX_UNPACKED:  # a long text that many cells share is stored once
                    raise file_refused(f"has more than {MAX_UNPACKED >> 20} MB of text: send it in parts")
                if any(texts):
                    yield number, texts
                left -= sum(cell["value"] is not None for cell in cells)
                if left == 0:  # a sheet with a million empty rows takes ten seconds
                    return

    def _sheet(self, name: str | None) -> _Sheet:
        if name is None:
            visible = [sheet for sheet in self._sheets if sheet.is_visible]
            if not visible:
                raise file_refused("has no visible sheet: name the sheet as `sheet` in the mapping's section")
            return visible[0]
        for sheet in self._sheets:
            if sheet.title.strip().casefold() == name.strip().casefold():
                return sheet
        titles = ", ".join(shown(sheet.title, _NAME_SHOWN) for sheet in self._sheets[:20])
        raise file_refused(f"has no sheet with the name that the mapping's section gives: its sheets are {titles}")

    def _parser(self, source: Any) -> "_SheetParser":
        book = self._book
        formats = {"date_formats": book._date_formats, "timedelta_formats": book._timedelta_formats}  # noqa: SLF001
        return _SheetParser(source, self._strings, data_only=False, epoch=book.epoch, **formats)


class _SheetParser(WorkSheetParser):  # type: ignore[misc]  # openpyxl has no types
    """openpyxl's reading of cells. Its own reading of rows makes up those that are left out, however many."""

    def rows(self) -> Iterator[tuple[int, Sequence[Mapping[str, Any]]]]:
        for _, element in iterparse(self.source):  # noqa: S314 -- of parts that are checked for document types
            if element.tag == ROW_TAG:
                yield self.parse_row(element)
                element.clear()
                self.row_dimensions.clear()
            elif element.tag == DATA_TAG:
                return

    def parse_formula(self, element: Any) -> str:  # noqa: ARG002 -- formulas are refused, and not translated
        return "="


def _values_in(package: Package, part: str) -> int:
    """The number of cells with a value; negative if unknown. A count of tags is fifty times as fast as parsing."""
    counted, kept = 0, b""
    with package.open(part) as source:
        while block := source.read(1 << 20):
            text = kept + block
            counted += len(_VALUE.findall(text))
            kept = text[text.rfind(b"<") :] if b"<" in text[-8:] else b""
            counted -= len(_VALUE.findall(kept))
    return counted or -1


def _texts(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """By column. A value beyond the columns that a file may have is in the one after them, where it is refused."""
    texts: list[str] = []
    for cell in cells:
        text = _text(cell["value"])
        if text:
            at = min(cell["column"] - 1, MAX_COLUMNS)
            texts.extend([""] * (at + 1 - len(texts)))
            texts[at] = text
    return texts


def _text(value: Any) -> str:
    """As the sheet shows it, dates and times in ISO form."""
    match value:
        case None:
            text = ""
        case bool():
            text = str(value).upper()
        case float() if value.is_integer():
            text = str(int(value))
        case datetime() if (value.hour, value.minute, value.second) == (0, 0, 0):
            text = value.date().isoformat()
        case datetime():
            text = value.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            text = value.isoformat()
        case str() | int() | float():
            text = str(value).replace(_ESCAPED_RETURN, "")
        case _:
            text = "="
    return text
