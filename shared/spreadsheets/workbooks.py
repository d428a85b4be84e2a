"""Reads a sheet of an XLSX workbook as rows of text. Sizes are checked before anything is unpacked.

A formula is read as its text, which begins with `=` and is refused as in a CSV file; links to other files are not
followed; a hidden sheet is read only if the mapping names it.
"""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import IO, Any

from shared.spreadsheets.verdicts import file_refused, shown

MAGIC = b"PK\x03\x04"
_OLD_MAGIC = b"\xd0\xcf\x11\xe0"
_MAX_UNPACKED = 100 << 20
_MAX_RATIO = 100
_SMALL = 10 << 20
"""Below this size any ratio is harmless."""
_BROKEN = (
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, EOFError, OSError, SyntaxError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
)
"""What openpyxl and its parsers raise for a damaged workbook. `SyntaxError` is the parent of XML's `ParseError`."""
_NAME_SHOWN = 50
_VALUE = re.compile(rb"<(?:v|is|f)[ >/]")
"""Counts a formula with its value twice: more than there are is harmless, less would lose rows."""
_ESCAPED_RETURN = "_x000D_"


def is_workbook(head: bytes) -> bool:
    """Raises `Rejected` for another kind of workbook."""
    if head.startswith(_OLD_MAGIC):
        raise file_refused("is an old .xls workbook, or has a password: save it as .xlsx without a password, or as CSV")
    return head.startswith(MAGIC)


def rows(file: IO[bytes], sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    """Each row with its number, without the empty rows at the end. Raises `Rejected`."""
    _refuse_bombs(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that are not read
            book = _opened(file)
        try:
            yield from _rows(_sheet(book, sheet))
        finally:
            book.close()
    except _BROKEN as broken:
        raise file_refused("is damaged, or not an .xlsx workbook: open it and save it again") from broken


def sheets(file: IO[bytes]) -> list[str]:
    """The names of the visible sheets."""
    _refuse_bombs(file)
    book = _opened(file)
    return [found.title for found in book.worksheets if found.sheet_state == "visible"]


def _opened(file: IO[bytes]) -> Any:
    import openpyxl  # a tenth of the start of each service, and most read no workbook

    return openpyxl.load_workbook(file, read_only=True, keep_links=False)


def _refuse_bombs(file: IO[bytes]) -> None:
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as packed:
            parts = packed.infolist()
    except zipfile.BadZipFile:
        raise file_refused("is damaged, or not an .xlsx workbook: open it and save it again") from None
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise file_refused("is not an .xlsx workbook: save it as .xlsx or as CSV UTF-8")
    unpacked, packed_size = sum(part.file_size for part in parts), max(1, sum(part.compress_size for part in parts))
    if unpacked > _MAX_UNPACKED or (unpacked > _SMALL and unpacked > _MAX_RATIO * packed_size):
        raise file_refused(
            f"unpacks to {unpacked >> 20} MB: a workbook may have {_MAX_UNPACKED >> 20} MB; save the sheet as CSV UTF-8"
        )
    file.seek(0)


def _sheet(book: Any, name: str | None) -> Any:
    if name is None:
        visible = [found for found in book.worksheets if found.sheet_state == "visible"]
        if not visible:
            raise file_refused("has no visible sheet: name the sheet as `sheet` in the mapping's section")
        return visible[0]
    for found in book.worksheets:
        if found.title.strip().casefold() == name.strip().casefold():
            return found
    titles = ", ".join(shown(found.title, _NAME_SHOWN) for found in book.worksheets[:20])
    raise file_refused(f"has no sheet with the name that the mapping's section gives: its sheets are {titles}")


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    left = _values_in(sheet)
    sheet.reset_dimensions()  # a workbook may give wrong ones
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        texts = [_text(cell) for cell in cells]
        if any(texts):
            yield number, texts
        left -= sum(cell is not None for cell in cells)
        if left == 0:  # a sheet with a million empty rows takes openpyxl ten seconds
            return


def _values_in(sheet: Any) -> int:
    """The number of cells with a value; negative if unknown. A count of tags is fifty times as fast as parsing."""
    counted, kept = 0, b""
    with sheet._get_source() as source:  # noqa: SLF001 -- openpyxl's stream of the sheet's XML
        while block := source.read(1 << 20):
            text = kept + block
            counted += len(_VALUE.findall(text))
            kept = text[text.rfind(b"<") :] if b"<" in text[-8:] else b""
            counted -= len(_VALUE.findall(kept))
    return counted or -1


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
        case _:  # a formula over several cells
            text = "="
    return text
