"""Reads a sheet of an XLSX workbook as rows of text. Sizes are checked before anything is unpacked or parsed.

A formula is read as `=`, which is refused as in a CSV file; links to other files are not followed; a hidden sheet is
read only if the mapping names it.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from shared.spreadsheets.packages import DAMAGED, Package
from shared.spreadsheets.verdicts import file_refused

MAGIC = b"PK\x03\x04"
_OLD_MAGIC = b"\xd0\xcf\x11\xe0"
_BROKEN = (
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, EOFError, OSError, SyntaxError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
)
"""What openpyxl and its parsers raise for a damaged workbook. `SyntaxError` is the parent of XML's `ParseError`."""


def is_workbook(head: bytes) -> bool:
    """Raises `Rejected` for another kind of workbook."""
    if head.startswith(_OLD_MAGIC):
        raise file_refused("is an old .xls workbook, or has a password: save it as .xlsx without a password, or as CSV")
    return head.startswith(MAGIC)


def rows(file: IO[bytes], sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    """Each row with its number, without empty rows. Raises `Rejected`."""
    from shared.spreadsheets.workbook_sheets import Workbook  # a tenth of the start of each service

    with Package(file) as package:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of styles and validations that are not read
                book = Workbook(package, file)
            yield from book.rows(sheet)
        except _BROKEN as broken:
            raise file_refused(DAMAGED) from broken
