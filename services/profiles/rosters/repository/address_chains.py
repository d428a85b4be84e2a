"""Finds the rows of later chunks on which a chunk depends: those whose members give up an address that it needs.

Swaps and chains of addresses are then solved within one transaction, wherever the rows are in the file.
"""

from collections.abc import Sequence
from typing import Any

from services.profiles.members.repository.members import MAPPING
from shared.mongo import Database, Document

MOST_ROWS = 1_000
"""Of later chunks in one transaction. Rows of a longer chain are judged by what is stored."""


class AddressChains:
    def __init__(self, database: Database) -> None:
        self._members = database[MAPPING.collection]
        self._chunks = database["roster_chunks"]

    async def rows(self, chunk: Document) -> dict[str, list[Document]]:
        """Row documents of other chunks, by the id of their chunk."""
        found: dict[str, list[Document]] = {}
        sought = {_number(row) for row in chunk["rows"]}
        rows: Sequence[Document] = chunk["rows"]
        left = MOST_ROWS
        while left and (numbers := await self._owners(chunk["institution"], rows) - sought):
            sought |= numbers
            rows = []
            async for other in self._chunks.find(_holding(chunk, numbers)):
                further = [row for row in other["rows"] if _number(row) in numbers][:left]
                found.setdefault(other["_id"], []).extend(further)
                rows = [*rows, *further]
                left -= len(further)
        return {id: further for id, further in found.items() if further}

    async def _owners(self, institution: str, rows: Sequence[Document]) -> set[Any]:
        """The staff numbers of the members who have these rows' addresses now."""
        emails = [row["told"]["email"] for row in rows if _number(row)]
        if not emails:
            return set()
        owners = self._members.find({"institution": institution, "email": {"$in": emails}}, {"external_id": 1})
        return {owner["external_id"] async for owner in owners if owner.get("external_id")}


def _number(row: Document) -> str | None:
    number: str | None = row.get("told", {}).get("external_id")
    return number


def _holding(chunk: Document, numbers: set[Any]) -> Document:
    return {
        "roster": chunk["roster"],
        "_id": {"$ne": chunk["_id"]},
        "rows.told.external_id": {"$in": sorted(numbers)},
    }
