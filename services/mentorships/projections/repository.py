"""Copies of what profiles publishes, people, mentors and programmes, and of what matching does: who assesses whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.mentorships.projections.domain import Person, Programme
from shared.consuming.projection import Copy, Refused, fold
from shared.contracts.envelope import Received
from shared.contracts.matching import AssessmentChanged
from shared.contracts.profiles import MemberChanged, MentoringProfileChanged, ProgrammeChanged
from shared.errors import Conflict
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes

PEOPLE, MENTORS, PROGRAMMES, ASSESSMENTS = "people", "mentors", "programmes", "assessments"
_ASSESSED = IndexModel([("assessed", ASCENDING), ("counts", ASCENDING)], name="assessed")
_SIGN_IN = IndexModel([("institution", ASCENDING), ("subject_hash", ASCENDING)], name="sign_in")


class MongoProjections:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        await ensure_indexes(self._database[PEOPLE], [_SIGN_IN])
        await ensure_indexes(self._database[MENTORS], [])
        await ensure_indexes(self._database[PROGRAMMES], [])
        await ensure_indexes(self._database[ASSESSMENTS], [_ASSESSED])

    async def fold_people(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._database[PEOPLE], received)

    async def fold_mentors(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._database[MENTORS], received, mentor_fields)

    async def fold_programmes(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._database[PROGRAMMES], received, _programme_fields)

    async def fold_assessments(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._database[ASSESSMENTS], received)

    async def assessors(self, member: str) -> frozenset[str]:
        """Who assesses the member now. Private: shown to nobody, and not a reason that anybody reads."""
        counting = {"assessed": member, "counts": True, "erased": False}
        found = self._database[ASSESSMENTS].find(counting, {"assessor": 1})
        return frozenset([document["assessor"] async for document in found])

    async def mentors(self, programme: str, among: Collection[str]) -> frozenset[str]:
        """Those of these members who have the mentor role in the programme, active or not."""
        wanted = {"_id": {"$in": list(among)}, "mentor_in": programme, "erased": False}
        return frozenset([document["_id"] async for document in self._database[MENTORS].find(wanted, {"_id": 1})])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        wanted = {"institution": institution, "subject_hash": subject_hash, "erased": False, "status": "active"}
        found = await self._database[PEOPLE].find_one(wanted, {"_id": 1})
        return str(found["_id"]) if found else None

    async def bound(self, institution: str, subject_hash: str) -> str | None:
        """The member bound to this sign-in, active or not."""
        wanted = {"institution": institution, "subject_hash": subject_hash, "erased": False}
        found = await self._database[PEOPLE].find_one(wanted, {"_id": 1})
        return str(found["_id"]) if found else None

    async def programme(self, id: str) -> Programme | None:
        found = await self._database[PROGRAMMES].find_one({"_id": id, "erased": False})
        return _programme(found) if found else None

    async def people(self, ids: Collection[str]) -> Mapping[str, Person]:
        """The ids come from a mentorship that the caller may see."""
        found = self._database[PEOPLE].find({"_id": {"$in": list(ids)}, "erased": False})
        return {document["_id"]: _person(document) async for document in found}


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """The copy of a member's own profile, and the programmes in which they mentor."""
    own = {"_id": member, "institution": institution, "erased": False}
    shown = {"_id": 0, "name": 1, "locale": 1, "time_zone": 1, "principles": 1, "status": 1}
    mentor = await database[MENTORS].find_one(own, {"mentor_in": 1}) or {}
    mentor_in = mentor.get("mentor_in", [])
    return [{**profile, "mentor_in": mentor_in} async for profile in database[PEOPLE].find(own, shown)]


def people_within(transaction: Transaction, ids: Collection[str]) -> Mapping[str, Person]:
    """The same in the caller's transaction."""
    found = transaction[PEOPLE].find({"_id": {"$in": list(ids)}, "erased": False}, session=transaction.session)
    return {document["_id"]: _person(document) for document in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Copies about a mentor, a programme, and the person who asks."""

    member: str | None
    """The active member bound to the sign-in of who asks."""
    people: Mapping[str, Person]
    """The mentor and the member."""
    programme: Programme | None
    mentor_in: frozenset[str]
    """Programmes in which the mentor has the mentor role."""
    assessors: frozenset[str]
    """As `MongoProjections.assessors` of the member."""


def joining(institution: str, subject_hash: str) -> Sequence[Document]:
    """Stages for documents with `programme` and `mentor.member`, which `joined_to` reads: one read instead of five."""
    own = {"institution": institution, "subject_hash": subject_hash, "status": "active"}
    return [
        _join(PEOPLE, "me", where=own),
        _join(PEOPLE, "mentor", on=("mentor.member", "_id")),
        _join(MENTORS, "mentoring", on=("mentor.member", "_id")),
        _join(PROGRAMMES, "programme", on=("programme", "_id")),
        _join(ASSESSMENTS, "assessments", on=("joined.me._id", "assessed"), where={"counts": True}),
    ]


def _join(collection: str, name: str, *, on: tuple[str, str] | None = None, where: Document | None = None) -> Document:
    fields = {"localField": on[0], "foreignField": on[1]} if on else {}
    pipeline = [{"$match": {**(where or {}), "erased": False}}]
    return {"$lookup": {"from": collection, "as": f"joined.{name}", "pipeline": pipeline, **fields}}


def joined_to(document: Document) -> Joined:
    """Reads what `joining` has added to the document, and removes it from there."""
    found = document.pop("joined")
    people = [_person(each) for each in (*found["mentor"], *found["me"])]
    return Joined(
        member=found["me"][0]["_id"] if found["me"] else None,
        people={person.id: person for person in people},
        programme=_programme(found["programme"][0]) if found["programme"] else None,
        mentor_in=frozenset(id for mentor in found["mentoring"] for id in mentor.get("mentor_in", ())),
        assessors=frozenset(each["assessor"] for each in found["assessments"]) if found["me"] else frozenset(),
    )


def hold_people(transaction: Transaction, ids: Collection[str]) -> None:
    """For a transaction that stores texts of people: it writes to their documents, as an erasure does, so that an
    erasure either finds the texts or aborts the transaction, which is then refused. Raises `Conflict`.
    """
    if not are_held(transaction, ids):
        raise Conflict("not_available", "the mentee or the mentor is no longer a member")


def are_held(transaction: Transaction, ids: Collection[str]) -> bool:
    """As `hold_people`; False where one of them is erased."""
    wanted, session = {"_id": {"$in": list(ids)}}, transaction.session
    held = transaction[PEOPLE].update_many({**wanted, "erased": False}, {"$inc": {"holds": 1}}, session=session)
    is_missing = held.matched_count < len(set(ids))
    return not (is_missing and transaction[PEOPLE].count_documents({**wanted, "erased": True}, session=session))


def _person(document: Document) -> Person:
    return Person(
        id=document["_id"],
        institution=document["institution"],
        name=document["name"],
        locale=document.get("locale", "en"),
        time_zone=document.get("time_zone", "UTC"),
        principles=document.get("principles", ""),
        is_active=document.get("status") == "active",
    )


def _programme(document: Document) -> Programme:
    return Programme(
        id=document["_id"],
        institution=document["institution"],
        name=document["name"],
        admits=frozenset(document.get("admits") or ()),
    )


def mentor_fields(payload: MemberChanged) -> Document:
    """Nothing else of the member is copied."""
    return {"mentor_in": [enrolment.programme for enrolment in payload.enrolments if "mentor" in enrolment.roles]}


def _programme_fields(payload: ProgrammeChanged) -> Document:
    return {"name": payload.name, "admits": list(payload.admits)}


COPIES = (
    Copy(collection=PEOPLE, payload=MentoringProfileChanged),
    Copy(collection=MENTORS, payload=MemberChanged, body=mentor_fields),
    Copy(collection=PROGRAMMES, payload=ProgrammeChanged, body=_programme_fields),
    Copy(collection=ASSESSMENTS, payload=AssessmentChanged),
)
