"""Writes CSV for spreadsheet programs, in which no cell is read as a formula (OWASP: CSV injection)."""

import csv
import io
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([escape_formula(cell) for cell in cells])
    return line.getvalue()


def escape_formula(cell: str) -> str:
    """Puts an apostrophe before a cell that a spreadsheet program would evaluate."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
