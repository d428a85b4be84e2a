"""Reads lists and people for the API. Every query is limited to one institution, except for people named by a list, and
for the directory, which is limited to the institutions that exchange with the reader's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.kernel.vocabulary import TOPIC
from services.matching.mentoring.repository import ceilings, pairs
from services.matching.projections import people as sign_ins
from services.matching.projections.repository import PARTICIPANTS
from services.matching.projections.vocabulary import RESOLVED, ProjectedVocabulary
from services.matching.suggestions import people
from services.matching.suggestions.directory import Sought
from services.matching.suggestions.reading import StoredList, UnmatchedMentee
from services.matching.suggestions.repository import list_snapshot
from shared.mongo import ASCENDING, Database, Document


class MongoSuggestionRepository:
    def __init__(self, database: Database, vocabulary: ProjectedVocabulary) -> None:
        self._database = database
        self._vocabulary = vocabulary

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await sign_ins.signed_in(self._database, institution, subject_hash)

    async def person(self, institution: str, id: str) -> Person | None:
        wanted = {"_id": id, "institution": institution}
        return (await people.persons(self._database, wanted, mentees=[id])).get(id)

    async def named(self, ids: Iterable[str]) -> Mapping[str, Person]:
        """People of any institution, named by a list that the caller may read; the hard rules decide what is shown."""
        found = await people.persons(self._database, {"_id": {"$in": list(ids)}}, mentees=())
        asked = await pairs.pending_requests_of(self._database, list(found))
        return {id: replace(person, asked=asked.get(id, 0)) for id, person in found.items()}

    async def mentors(
        self, programme: str, institutions: Collection[str], sought: Sought, *, limit: int
    ) -> Collection[Person]:
        enrolled = {"$elemMatch": {"programme": programme, "roles": "mentor"}}
        active = {"enrolments": enrolled, "institution": {"$in": list(institutions)}, "status": "active"}
        found = self._database[PARTICIPANTS].find({**active, **_matching(sought)}, {"_id": 1}).limit(limit)
        return (await self.named([document["_id"] async for document in found])).values()

    async def meaning(self, institution: str, topic: str) -> str:
        return (await self._vocabulary.current()).meaning(TOPIC, topic, institution)

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:
        return await ceilings.policy(self._database, programme, exchanges=exchanges)

    async def list_of(self, institution: str, programme: str, mentee: str) -> StoredList | None:
        document = await self._database["lists"].find_one(
            {"institution": institution, "programme": programme, "mentee": mentee, **_SHOWN}
        )
        return _stored(document) if document else None

    async def lists_of(self, institution: str, mentee: str) -> Sequence[StoredList]:
        found = self._database["lists"].find({"institution": institution, "parties": mentee, **_SHOWN})
        return [_stored(document) async for document in found.sort("programme", ASCENDING)]

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
        return [
            UnmatchedMentee(document["mentee"], document["unmatched"], document["as_of"]) async for document in page
        ]


def _matching(sought: Sought) -> Document:
    fields = {
        f"{RESOLVED}.offered": sought.topic,
        "specialty": sought.specialty,
        "stage": sought.stage,
        "languages": sought.language,
        "formats": sought.format,
    }
    wanted: Document = {name: value for name, value in fields.items() if value is not None}
    return wanted if sought.mentors is None else wanted | {"_id": {"$in": sorted(sought.mentors)}}


_SHOWN: Document = {"$or": [{"entries.0": {"$exists": True}}, {"unmatched": {"$ne": None}}]}
"""Excludes emptied lists of mentees who are no longer enrolled; they are kept for their version only."""


def _stored(document: Document) -> StoredList:
    found = list_snapshot(document)
    of = found.enrolment
    return StoredList(of.programme, of.mentee, of.institution, found.shortlist, found.version, document["as_of"])
