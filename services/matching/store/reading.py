"""What the API reads, limited to one institution in every query that does not follow from a list."""

from collections.abc import Iterable, Mapping, Sequence

from services.matching.domain.model import Person, Policy, Preferences
from services.matching.store.lists import found_of
from services.matching.store.projections import (
    INSTITUTIONS,
    PARTICIPANTS,
    PREFERENCES,
    PROGRAMMES,
    institution_of,
    member_of,
    preferences_of,
    programme_of,
)
from services.matching.usecases.reading import StoredList, UnmatchedMentee
from shared.mongo import ASCENDING, Database, Document


class ReadingStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        """The member bound to this sign-in."""
        bound = await self._database[PREFERENCES].find_one(
            {"institution": institution, "subject_hash": subject_hash, "erased": False}, {"_id": 1}
        )
        return str(bound["_id"]) if bound else None

    async def person(self, institution: str, id: str) -> Person | None:
        return (await self._persons({"_id": id, "institution": institution, "erased": False})).get(id)

    async def named(self, ids: Iterable[str]) -> Mapping[str, Person]:
        """People of any institution, named by a list that the asker may see; the hard rules decide what is shown."""
        return await self._persons({"_id": {"$in": list(ids)}, "erased": False})

    async def _persons(self, wanted: Document) -> dict[str, Person]:
        members = [member_of(one) async for one in self._database[PARTICIPANTS].find(wanted)]
        private = self._database[PREFERENCES].find({"_id": {"$in": [one.id for one in members]}, "erased": False})
        wishes = {one["_id"]: preferences_of(one) async for one in private}
        return {one.id: Person(one, wishes.get(one.id, Preferences(member=one.id))) for one in members}

    async def policy(self, programme: str) -> Policy | None:
        document = await self._database[PROGRAMMES].find_one({"_id": programme, "erased": False})
        if document is None:
            return None
        known = programme_of(document)
        admitted = self._database[INSTITUTIONS].find({"_id": {"$in": list(known.admits)}, "erased": False})
        return Policy(known, {one["_id"]: institution_of(one) async for one in admitted})

    async def list_of(self, institution: str, programme: str, mentee: str) -> StoredList | None:
        one = await self._database["lists"].find_one(
            {"institution": institution, "programme": programme, "mentee": mentee, **_SHOWN}
        )
        return _stored(one) if one else None

    async def lists_of(self, institution: str, mentee: str) -> Sequence[StoredList]:
        found = self._database["lists"].find({"institution": institution, "parties": mentee, **_SHOWN})
        return [_stored(one) async for one in found.sort("programme", ASCENDING)]

    async def unmatched(self, institution: str, programme: str, *, after: str, limit: int) -> Sequence[UnmatchedMentee]:
        found = self._database["lists"].find(
            {
                "institution": institution,
                "programme": programme,
                "mentee": {"$gt": after},
                "unmatched": {"$ne": None},
            },
            {"mentee": 1, "unmatched": 1, "as_of": 1},
        )
        page = found.sort("mentee", ASCENDING).limit(limit)
        return [UnmatchedMentee(one["mentee"], one["unmatched"], one["as_of"]) async for one in page]


_SHOWN: Document = {"$or": [{"entries.0": {"$exists": True}}, {"unmatched": {"$ne": None}}]}
"""An emptied list of somebody who is enrolled no more is kept for its version only."""


def _stored(document: Document) -> StoredList:
    found = found_of(document)
    of = found.enrolment
    return StoredList(of.programme, of.mentee, of.institution, found.shortlist, found.version, document["as_of"])
