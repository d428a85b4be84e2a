"""Writes CSV for spreadsheet programs, in which no cell is read as a formula (OWASP: CSV injection)."""

import csv
import io
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[str], *, delimiter: str = ",") -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter).writerow([escape_formula(cell) for cell in cells])
    return line.getvalue()


def escape_formula(cell: str) -> str:
    """Puts an apostrophe before a cell that a spreadsheet program would evaluate."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unescape_formula(cell: str) -> str:
    """The cell before `escape_formula`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
