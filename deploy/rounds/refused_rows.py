"""The refused rows of a file as a CSV that can be mended and brought again, with a column that says what to do."""

from collections.abc import Iterator

from deploy.rounds.people import PeopleFile
from shared.csv_lines import csv_line
from shared.spreadsheets.tables import ADVICE_COLUMN, LINE_COLUMN


def refused_csv(file: PeopleFile) -> str:
    """In the layout that the mapping names, so that the same mapping reads it. The two further columns are not read."""
    delimiter = file.layout.delimiter or ","
    return "".join(csv_line(cells, delimiter=delimiter) for cells in _lines(file, file.layout.skip_rows))


def _lines(file: PeopleFile, skipped: int) -> Iterator[list[str]]:
    own = [number for number, title in enumerate(file.header) if title not in (LINE_COLUMN, ADVICE_COLUMN)]
    titles = [file.header[number] for number in own]
    yield [*titles, LINE_COLUMN, ADVICE_COLUMN]
    for _ in range(skipped):
        yield [*("" for _ in titles), "", "leave this row: the mapping skips it"]
    for row in file.refused:
        advice = "; ".join(": ".join(filter(None, (reason.column, reason.message))) for reason in row.reasons)
        cells = [row.cells[number] if number < len(row.cells) else "" for number in own]
        yield [*cells, str(row.line), advice]
