"""People and policies from the copies, with what binds people: the seats taken, and who is kept from whom.

For showing and for rounds; what is decided on, a transaction reads for itself (`situations.py`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from services.matching.conflicts.documents import COUNTING, ROTATIONS
from services.matching.exchange.repository import in_exchange
from services.matching.feedback.documents import EXPERIENCES
from services.matching.kernel.participants import USUAL, Exchange, Person, Policy, Preferences
from services.matching.mentoring.repository.pairs import APART, OPEN, PENDING, RELATIONSHIPS, REQUESTS, SEPARATING
from services.matching.projections import repository as projections
from services.matching.projections.repository import (
    PARTICIPANTS,
    PREFERENCES,
    PROGRAMMES,
    member_of,
    preferences_of,
    programme_of,
)
from shared.mongo import Database, Document

SEATS = "seats"
INACTIVE: Document = {"status": "inactive"}


async def signed_in(database: Database, institution: str, subject_hash: str) -> str | None:
    """The member bound to this sign-in, unless they are inactive: what they may still do, profiles answers."""
    bound = await database[PREFERENCES].find_one(sign_in(institution, subject_hash), {"_id": 1})
    if bound is None or await database[PARTICIPANTS].find_one({"_id": bound["_id"], **INACTIVE}, {"_id": 1}):
        return None
    return str(bound["_id"])


def sign_in(institution: str, subject_hash: str) -> Document:
    return {"institution": institution, "subject_hash": subject_hash, "erased": False}


async def persons(database: Database, wanted: Document, *, mentees: Collection[str]) -> dict[str, Person]:
    """By id, without asks that wait. Who is kept from them, and whom they assess or are assessed by, is looked up for
    `mentees` only.
    """
    found = database[PARTICIPANTS].find({**wanted, "erased": False})
    members = [member_of(one) async for one in found]
    ids = [one.id for one in members]
    private = database[PREFERENCES].find({"_id": {"$in": ids}, "erased": False})
    wishes = {one["_id"]: preferences_of(one) async for one in private}
    seats = database[SEATS].find({"_id": {"$in": ids}})
    taken = {one["_id"]: one["taken"] async for one in seats}
    levels = database[EXPERIENCES].find({"_id": {"$in": ids}}, {"level": 1})
    experience = {one["_id"]: one["level"] async for one in levels}
    kept_from = await _kept_from(database, mentees) if mentees else {}
    firewall = await _firewall(database, mentees) if mentees else {}
    return {
        one.id: Person(
            one,
            wishes.get(one.id, Preferences(member=one.id)),
            taken.get(one.id, 0),
            frozenset(kept_from.get(one.id, ())),
            {programme: frozenset(others) for programme, others in firewall.get(one.id, {}).items()},
            experience.get(one.id, USUAL),
        )
        for one in members
    }


async def asked(database: Database, mentors: Collection[str]) -> dict[str, int]:
    """How many requests wait for an answer of each, by id; of those who have any."""
    stages: list[Document] = [
        {"$match": {"mentor.member": {"$in": list(mentors)}, **PENDING}},
        {"$group": {"_id": "$mentor.member", "asked": {"$sum": 1}}},
    ]
    return {one["_id"]: one["asked"] async for one in database[REQUESTS].aggregate(stages)}


async def policy(database: Database, programme: str, *, exchanges: Iterable[Exchange] = ()) -> Policy | None:
    """With the seats given in these exchanges, where they have a ceiling: how full others are it does not know."""
    document = await database[PROGRAMMES].find_one({"_id": programme, "erased": False})
    if document is None:
        return None
    known = programme_of(document)
    found = Policy(known, await projections.institutions(database, known.admits))
    return replace(found, given=await _given(database, found.capped(exchanges)))


async def _given(database: Database, exchanges: Iterable[Exchange]) -> Mapping[Exchange, int]:
    """One by one: few have a ceiling, and each is counted in an index alone."""
    return {one: await database[RELATIONSHIPS].count_documents(in_exchange(one)) for one in exchanges}


async def _kept_from(database: Database, mentees: Collection[str]) -> dict[str, set[str]]:
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for name, binding in ((RELATIONSHIPS, OPEN), (REQUESTS, APART)):
        wanted = {"mentee.member": {"$in": list(mentees)}, **binding}
        async for one in database[name].find(wanted, {"mentee": 1, "mentor": 1}):
            kept[one["mentee"]["member"]].add(one["mentor"]["member"])
    separating = {"parties": {"$in": list(mentees)}, **SEPARATING}
    async for one in database[RELATIONSHIPS].find(separating, {"parties": 1}):
        for who, other in (one["parties"], reversed(one["parties"])):
            kept[who].add(other)
    return kept


async def _firewall(database: Database, mentees: Collection[str]) -> dict[str, defaultdict[str, set[str]]]:
    """By mentee and programme."""
    around: dict[str, defaultdict[str, set[str]]] = {one: defaultdict(set) for one in mentees}
    wanted = {"parties": {"$in": list(mentees)}, **COUNTING}
    async for one in database[ROTATIONS].find(wanted, {"parties": 1, "programmes": 1}):
        for who, other in (one["parties"], reversed(one["parties"])):
            for programme in one["programmes"] if who in around else ():
                around[who][programme].add(other)
    return around
