"""People as suggestions and rounds see them: profile and wishes, seats taken, experience, and who is kept from whom.

For showing and for planning; a decision reads the state of its two people in its own transaction.
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
