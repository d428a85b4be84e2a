"""What rounds do to each other, read in the transaction that opens or publishes one.

Both write to the same document first: of two at once, one begins again and sees what the other did.
"""

from collections.abc import Collection, Mapping, Sequence

from services.matching.mentoring.repository.pairs import SEATS
from services.matching.projections.repository import PARTICIPANTS
from services.matching.rounds.domain.lifecycle import OPEN, Round
from services.matching.rounds.domain.overlaps import Meanwhile
from services.matching.rounds.repository.assignments import PLACES
from shared.mongo import Database, Document, Writing, ensure_indexes

_ROUNDS, _TURNS, _ALL = "rounds", "round_turns", "rounds"


async def prepare_turns(database: Database) -> None:
    await ensure_indexes(database[_TURNS], [])
    await database[_TURNS].update_one({"_id": _ALL}, {"$setOnInsert": {"turns": 0}}, upsert=True)


def open_in(writing: Writing, round: Round) -> Document | None:
    """The programme's open round."""
    _take_turn(writing)
    wanted = {"institution": round.institution, "programme": round.programme, "state": {"$in": list(OPEN)}}
    return writing[_ROUNDS].find_one(wanted, session=writing.session)


def meanwhile(writing: Writing, round: Round) -> Meanwhile:
    """Of every institution's rounds: people of several may be brought together in one programme."""
    _take_turn(writing)
    if round.frozen is None or round.solved is None:
        return Meanwhile()
    since = [{"state": "publishing"}, {"state": "published", "published_at": {"$gt": round.frozen.at}}]
    found = writing[_ROUNDS].find({"_id": {"$ne": round.id}, "$or": since}, session=writing.session)
    others = [one for one in found if one["solved"]]
    if not others:
        return Meanwhile()
    gives = _seats(writing, [round.solved.result.key], ["planned"])
    taken_by_others = _seats(writing, [_edition(one) for one in others], ["planned", "opened"])
    shared = gives.keys() & taken_by_others.keys()
    publishing = [_edition(one) for one in others if one["state"] == "publishing"]
    promised = _seats(writing, publishing, ["planned"]) if publishing else {}
    return Meanwhile(
        is_superseded=any(one["programme"] == round.programme for one in others),
        gives={mentor: gives[mentor] for mentor in shared},
        left={mentor: free - promised.get(mentor, 0) for mentor, free in _free(writing, shared).items()},
    )


def _take_turn(writing: Writing) -> None:
    writing[_TURNS].update_one({"_id": _ALL}, {"$inc": {"turns": 1}}, session=writing.session)


def _edition(round: Document) -> str:
    return str(round["solved"]["result"]["key"])


def _seats(writing: Writing, editions: Sequence[str], states: Sequence[str]) -> Mapping[str, int]:
    """By mentor: places in these editions."""
    stages: list[Document] = [
        {"$match": {"edition": {"$in": list(editions)}, "state": {"$in": list(states)}}},
        {"$group": {"_id": "$mentor.member", "seats": {"$sum": 1}}},
    ]
    return {one["_id"]: one["seats"] for one in writing[PLACES].aggregate(stages, session=writing.session)}


def _free(writing: Writing, mentors: Collection[str]) -> Mapping[str, int]:
    wanted = {"_id": {"$in": sorted(mentors)}}
    seats = writing[SEATS].find(wanted, {"taken": 1}, session=writing.session)
    taken = {one["_id"]: one["taken"] for one in seats}
    members = writing[PARTICIPANTS].find(wanted, {"capacity": 1}, session=writing.session)
    return {one["_id"]: one.get("capacity", 0) - taken.get(one["_id"], 0) for one in members}
