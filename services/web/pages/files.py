"""Files that a page answers with, for spreadsheet programs."""

from collections.abc import Iterable, Sequence

from fastapi import Response

from shared.csv_lines import csv_line


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Begins with a byte order mark, without which spreadsheet programs misread UTF-8."""
    lines = "".join(csv_line(line) for line in (columns, *rows))
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return Response("\ufeff" + lines, media_type="text/csv; charset=utf-8", headers=headers)
