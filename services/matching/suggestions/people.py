"""Reads people for suggestions and rounds: profile, preferences, seats taken, experience, and who is kept apart.

For display and planning only; a decision reads the state of its two people in its own transaction.
"""

from collections import defaultdict
from collections.abc import Collection

from services.matching.feedback.documents import EXPERIENCES
from services.matching.kernel.participants import USUAL, Person, Preferences
from services.matching.mentoring.repository.pairs import APART, OPEN, RELATIONSHIPS, REQUESTS, SEATS, SEPARATING
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES, member_of, preferences_of
from services.matching.rotations.documents import COUNTING, ROTATIONS
from shared.mongo import Database, Document


async def persons(database: Database, wanted: Document, *, mentees: Collection[str]) -> dict[str, Person]:
    """By id, without pending requests. Who is kept from them, and whom they assess or are assessed by, is looked up for
    `mentees` only.
    """
    found = database[PARTICIPANTS].find({**wanted, "erased": False})
    members = [member_of(document) async for document in found]
    ids = [member.id for member in members]
    private = database[PREFERENCES].find({"_id": {"$in": ids}, "erased": False})
    wishes = {document["_id"]: preferences_of(document) async for document in private}
    seats = database[SEATS].find({"_id": {"$in": ids}})
    taken = {document["_id"]: document["taken"] async for document in seats}
    levels = database[EXPERIENCES].find({"_id": {"$in": ids}}, {"level": 1})
    experience = {document["_id"]: document["level"] async for document in levels}
    kept_from = await _kept_from(database, mentees) if mentees else {}
    firewall = await _firewall(database, mentees) if mentees else {}
    return {
        member.id: Person(
            member,
            wishes.get(member.id, Preferences(member=member.id)),
            taken.get(member.id, 0),
            frozenset(kept_from.get(member.id, ())),
            {programme: frozenset(others) for programme, others in firewall.get(member.id, {}).items()},
            experience.get(member.id, USUAL),
        )
        for member in members
    }


async def _kept_from(database: Database, mentees: Collection[str]) -> dict[str, set[str]]:
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for name, binding in ((RELATIONSHIPS, OPEN), (REQUESTS, APART)):
        wanted = {"mentee.member": {"$in": list(mentees)}, **binding}
        async for document in database[name].find(wanted, {"mentee": 1, "mentor": 1}):
            kept[document["mentee"]["member"]].add(document["mentor"]["member"])
    separating = {"parties": {"$in": list(mentees)}, **SEPARATING}
    async for document in database[RELATIONSHIPS].find(separating, {"parties": 1}):
        for member, other in (document["parties"], reversed(document["parties"])):
            kept[member].add(other)
    return kept


async def _firewall(database: Database, mentees: Collection[str]) -> dict[str, defaultdict[str, set[str]]]:
    """By mentee and programme."""
    around: dict[str, defaultdict[str, set[str]]] = {mentee: defaultdict(set) for mentee in mentees}
    wanted = {"parties": {"$in": list(mentees)}, **COUNTING}
    async for document in database[ROTATIONS].find(wanted, {"parties": 1, "programmes": 1}):
        for member, other in (document["parties"], reversed(document["parties"])):
            for programme in document["programmes"] if member in around else ():
                around[member][programme].add(other)
    return around
