"""Reads the rows of a file of rotations, through an institution's mapping or by our own names of columns."""

import io
from collections.abc import Iterator, Mapping, Sequence

from shared.errors import Rejected
from shared.spreadsheets import mapping, rows
from shared.spreadsheets.headers import Columns
from shared.spreadsheets.mapping import Fields, Section
from shared.spreadsheets.rows import ReadRow, Sheet
from shared.spreadsheets.verdicts import file_refused

SECTION = "rotations"
ALWAYS = ("id", "from", "to")
Parties = Mapping[str, Sequence[str]]
"""By party the fields that may name it."""


class RotationFiles:
    def __init__(self, parties: Parties) -> None:
        self._parties = parties
        names = [name for fields in parties.values() for name in fields]
        self._fields = Fields(
            names=frozenset((*ALWAYS, *names)),
            dates=frozenset({"from", "to"}),
            addresses=frozenset(name for name in names if name.endswith("_email")),
            required=ALWAYS,
            purpose="no rotation can be entered",
        )
        sources: dict[str, dict[str, object]] = {name: {"column": name, "default": ""} for name in ALWAYS}
        sources |= {name: {"column": name, "optional": True} for name in names}
        own = {"sections": {SECTION: {"fields": sources, "ignore_others": True}}}
        self._own = mapping.parsed(own, SECTION, self._fields)
        self.columns = f"{', '.join(ALWAYS)}, and for each of the two at least one of " + " and ".join(
            map(", ".join, parties.values())
        )

    def section(self, mapping_text: bytes | None) -> Section:
        """Raises `Rejected`."""
        return mapping.parse(mapping_text, SECTION, self._fields) if mapping_text else self._own

    def read(self, content: bytes, section: Section) -> Iterator[tuple[str, ReadRow]]:
        """Each row with its id as in the file. Raises `Rejected` where the file as a whole cannot be read."""
        id_columns = section.fields["id"].named
        sheet = rows.read(io.BytesIO(content), section, self._fields, further=id_columns)
        self._refuse_nameless(sheet, section)
        for row in sheet.rows:
            yield " ".join(row.further.get(column, "") for column in id_columns), row

    def _refuse_nameless(self, sheet: Sheet, section: Section) -> None:
        columns = Columns(sheet.header)
        for fields in self._parties.values():
            sources = [section.fields[field] for field in fields if field in section.fields]
            if not any(source.constant or any(map(columns.named, source.named)) for source in sources):
                raise file_refused(f"must have the columns {self.columns}")


def as_unreadable(refused: Rejected) -> str:
    return "; ".join(error.message for error in refused.errors) or refused.message
