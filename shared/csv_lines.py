"""Writes CSV for spreadsheet programs, in which no cell is read as a formula (OWASP: CSV injection)."""

import csv
import io
import re
from collections.abc import Iterable

_BEGINS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""By which a cell is a formula, in full width too."""
_FORMULA = re.compile(f'(^(?=[{_BEGINS}\\t\\r\\n])|[;,|\\t\\r\\n][ "]*(?=[{_BEGINS}]))')
"""Within a cell too, after what separates cells in other countries' spreadsheets."""
_ESCAPED = re.compile(f"(^|[;,|\\t\\r\\n][ \"]*)'(?=[{_BEGINS}]|(?<=^')[\\t\\r\\n])")


def csv_line(cells: Iterable[str], *, delimiter: str = ",") -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter).writerow([escape_formula(cell) for cell in cells])
    return line.getvalue()


def escape_formula(cell: str) -> str:
    """Puts an apostrophe before what a spreadsheet program would evaluate."""
    return _FORMULA.sub(r"\1'", cell)


def unescape_formula(cell: str) -> str:
    """The cell before `escape_formula`."""
    return _ESCAPED.sub(r"\1", cell)
