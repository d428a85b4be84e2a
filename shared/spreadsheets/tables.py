"""Opens a file as a table: a header and its rows, whatever program wrote the file.

The kind of file, the encoding and the delimiter are found in the file; a mapping may name them. Empty rows and unnamed
empty columns are passed over, and a row that is shorter than the header ends with empty cells.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any

from shared.spreadsheets import decoding, workbooks
from shared.spreadsheets.cleaning import clean_title
from shared.spreadsheets.packages import MAX_COLUMNS
from shared.spreadsheets.verdicts import file_refused, shown

DELIMITERS = (",", ";", "\t", "|")
LINE_COLUMN, ADVICE_COLUMN = "line in the refused file", "what to do"
"""Columns of our own list of refused rows, which can be mended and brought again."""
_SEP = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)
_HEADER_LINES = 50
_DELIMITER_NAMES = {"\t": "tab"}
_QUALTRICS = '{"ImportId"'
_SURVEYMONKEY = frozenset({"Open-Ended Response", "Response", "Other (please specify)"})
Fits = Callable[[Sequence[str]], bool]
Record = tuple[int, list[str]]
"""The line where it begins, and its cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a mapping says about a file; None: as the file has it."""

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    skip_rows: int = 0
    """Rows after the header that describe it, as Qualtrics and SurveyMonkey write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    header: Sequence[str]
    """Cleaned titles; empty for a column without a name."""
    rows: Iterator[Record]
    form: str
    """For people: `CSV, utf-8, delimiter ;`."""


def open_table(file: IO[bytes], layout: Layout, fits: Fits) -> Table:
    """`fits` says whether a header has the columns that are needed. Raises `Rejected`, for rows while they are read."""
    file.seek(0)
    head = file.read(8)
    if workbooks.is_workbook(head):
        records, form = workbooks.rows(file, layout.sheet), "XLSX"
    else:
        records, form = _csv(file, layout, fits)
    header = next((cells for _, cells in records if any(clean_title(cell) for cell in cells)), None)
    if header is None:
        raise file_refused("the file is empty: its first line must name the columns")
    titles = [clean_title(name) for name in header]
    width = max(at for at, title in enumerate(titles, 1) if title)
    if width > MAX_COLUMNS:
        raise file_refused(f"has {width} columns, and a file has at most {MAX_COLUMNS}")
    return Table(header=titles[:MAX_COLUMNS], rows=_rows(records, layout.skip_rows), form=form)


def _rows(records: Iterator[Record], skipped: int) -> Iterator[Record]:
    number = 0
    for line, cells in records:
        if not any(cell and not cell.isspace() for cell in cells):
            continue
        number += 1
        if number <= skipped:
            continue
        if number <= skipped + 2:
            _refuse_further_header(line, cells, number)
        yield line, cells


def _refuse_further_header(line: int, cells: Sequence[str], number: int) -> None:
    if any(cell.startswith(_QUALTRICS) for cell in cells):
        raise file_refused(
            f"line {line} is a further header row of Qualtrics: write `skip_rows: {number}` in the mapping's section"
        )
    if number == 1 and _SURVEYMONKEY & {cell.strip() for cell in cells}:
        raise file_refused(
            f"line {line} is a further header row of SurveyMonkey: write `skip_rows: 1` in the mapping's section"
        )


def _csv(file: IO[bytes], layout: Layout, fits: Fits) -> tuple[Iterator[Record], str]:
    encoding = decoding.encoding_of(file, layout.encoding)
    lines = decoding.lines(file, encoding)
    head, sep = _head(lines)
    delimiter = _delimiter(head, sep, layout.delimiter, fits)
    named = _DELIMITER_NAMES.get(delimiter, delimiter)
    records = _records(chain(head, lines), delimiter, first_line=2 if sep else 1)
    return records, f"CSV, {encoding.removesuffix('-sig')}, delimiter {named}"


def _head(lines: Iterator[str]) -> tuple[list[str], str | None]:
    """The first lines, to the end of the header, and the delimiter that a line `sep=` before them names."""
    head: list[str] = []
    sep = None
    for line in lines:
        if not head and sep is None and (named := _SEP.fullmatch(line)):
            sep = named[1]
            continue
        head.append(line)
        is_complete = line.strip() and sum(part.count('"') for part in head) % 2 == 0
        if is_complete or len(head) == _HEADER_LINES:
            break
    return head, sep


def _delimiter(head: Sequence[str], sep: str | None, declared: str | None, fits: Fits) -> str:
    if sep is not None and declared not in {None, sep}:
        raise file_refused(f"its first line says sep={sep}, and the mapping another delimiter: leave `delimiter` out")
    headers = {
        delimiter: _header(head, delimiter) for delimiter in dict.fromkeys((declared or sep or ",", *DELIMITERS))
    }
    fitting = [delimiter for delimiter, header in headers.items() if header and fits(header)]
    if (given := sep or declared) is not None:
        if given not in fitting and fitting:
            raise file_refused(
                f"its cells are separated by {_named(fitting[0])}, and "
                f"{'its first line' if sep else 'the mapping'} says {_named(given)}: leave `delimiter` out"
            )
        return given
    return max(fitting or headers, key=lambda delimiter: _named_columns(headers[delimiter]))


def _named_columns(header: Sequence[str]) -> int:
    return sum(any(character.isalnum() for character in title) for title in header)


def _named(delimiter: str) -> str:
    return f"a {_DELIMITER_NAMES[delimiter]}" if delimiter in _DELIMITER_NAMES else f'"{delimiter}"'


def _header(head: Sequence[str], delimiter: str) -> list[str]:
    try:
        for cells in csv.reader(head, delimiter=delimiter, strict=True):
            if any(cell.strip() for cell in cells):
                return [clean_title(cell) for cell in cells]
    except csv.Error:
        pass  # this delimiter does not separate the cells of this header
    return []


def _records(lines: Iterable[str], delimiter: str, *, first_line: int) -> Iterator[Record]:
    csv.field_size_limit(decoding.MAX_LINE)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = first_line
    while True:
        cells = _next(reader, line)
        if cells is None:
            return
        yield line, cells
        line = reader.line_num + first_line


def _next(reader: Any, line: int) -> list[str] | None:
    try:
        cells: list[str] | None = next(reader, None)
    except csv.Error as broken:
        raise file_refused(_quote_fault(str(broken), line)) from None
    return cells


def _quote_fault(error: str, line: int) -> str:
    if "unexpected end" in error or "field limit" in error:
        return f'line {line}: a cell begins with a quotation mark (") there that is never closed'
    if "expected after" in error:
        return (
            f'line {line}: a quotation mark (") closes a cell there, and more text follows: in a cell that begins '
            "with a quotation mark, each further quotation mark is written twice"
        )
    return f"line {line} cannot be read as CSV: {shown(error, 100)}"
