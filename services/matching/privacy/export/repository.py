"""What matching holds of one member. Other people appear by id only; the API leaves out what the member may not see."""

from collections.abc import Iterable

from services.matching.exchange.load.repository import HOURS
from services.matching.feedback.documents import ANSWERS
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, REQUESTS, SEATS, relationship_of, request_of
from services.matching.privacy.export.usecases import Stored
from services.matching.projections import people
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES
from services.matching.rotations.documents import ROTATIONS
from services.matching.rounds.domain.assignments import UNSETTLED
from services.matching.rounds.repository.assignments import PLACES, place_of
from shared.contracts.profiles import MemberChanged, PreferencesChanged
from shared.mongo import ASCENDING, Collection, Database, Document


class MongoExportRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def bound(self, institution: str, subject_hash: str) -> str | None:
        """An inactive member too."""
        found = await self._database[PREFERENCES].find_one(people.sign_in(institution, subject_hash), {"_id": 1})
        return str(found["_id"]) if found else None

    async def of(self, institution: str, member: str) -> Stored:
        mine = {"institutions": institution, "parties": member}
        own = {"institution": institution, "parties": member}
        placed = {"mentee.institution": institution, "mentee.member": member, "state": {"$nin": list(UNSETTLED)}}
        sections = {
            "member": await self._copy(PARTICIPANTS, institution, member, MemberChanged.model_fields),
            "preferences": await self._copy(PREFERENCES, institution, member, PreferencesChanged.model_fields),
            "seats_taken": await self._seats(institution, member),
            "experience": [
                _only(document, ("mentor", "rating", "at")) for document in await _all(self._database[ANSWERS], own)
            ],
            "hours_given": [
                _only(document, ("format", "at", "minutes"))
                for document in await _all(self._database[HOURS], {"mentor": member, "institution": institution})
            ],
            "rotations": [
                _rotation(document, member) for document in await _all(self._database[ROTATIONS], {"parties": member})
            ],
        }
        return Stored(
            own=sections,
            requests=[request_of(document) for document in await _all(self._database[REQUESTS], mine)],
            relationships=[relationship_of(document) for document in await _all(self._database[RELATIONSHIPS], mine)],
            places=[place_of(document) for document in await _all(self._database[PLACES], placed)],
        )

    async def _copy(self, name: str, institution: str, member: str, fields: Iterable[str]) -> Document | None:
        found = await self._database[name].find_one({"_id": member, "institution": institution})
        return None if found is None else _only(found, fields)

    async def _seats(self, institution: str, member: str) -> int:
        found = await self._database[SEATS].find_one({"_id": member, "institution": institution})
        return int(found["taken"]) if found else 0


async def _all(collection: Collection, wanted: Document) -> list[Document]:
    return await collection.find(wanted).sort("_id", ASCENDING).to_list(None)


def _only(document: Document, fields: Iterable[str]) -> Document:
    return {name: document[name] for name in fields if name in document}


def _rotation(document: Document, member: str) -> Document:
    """Who assesses the member is not theirs to see here; that they are assessed, and when, is."""
    side = "assessor" if document["parties"][0] == member else "assessed"
    return {"side": side, **_only(document, ("institution", "external", "begins", "ends", "void"))}
