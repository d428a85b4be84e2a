"""The rows of a roster, as the service reads them."""

from collections.abc import Iterator
from typing import IO

from services.profiles.rosters.domain.reading import Row, open_roster
from shared.spreadsheets.mapping import Section


def rows(file: IO[bytes], section: Section) -> Iterator[Row]:
    return open_roster(file, section).rows
