"""Reads the effects of other rounds, in the transaction that opens or publishes a round.

Opening and publishing write to the same document first, so that of two transactions at once the second is retried and
sees the effects of the first.
"""

from collections.abc import Collection, Mapping, Sequence

from services.matching.mentoring.repository.pairs import SEATS
from services.matching.projections.repository import PARTICIPANTS
from services.matching.rounds.domain.lifecycle import OPEN, Round
from services.matching.rounds.domain.overlaps import RoundsSince
from services.matching.rounds.repository.assignments import PLACES
from shared.mongo import Database, Document, Transaction, ensure_indexes

_ROUNDS, _TURNS, _ALL = "rounds", "round_turns", "rounds"


async def prepare_turns(database: Database) -> None:
    await ensure_indexes(database[_TURNS], [])
    await database[_TURNS].update_one({"_id": _ALL}, {"$setOnInsert": {"turns": 0}}, upsert=True)


def open_in(transaction: Transaction, round: Round) -> Document | None:
    """The document of the programme's open round."""
    _take_turn(transaction)
    wanted = {"institution": round.institution, "programme": round.programme, "state": {"$in": list(OPEN)}}
    return transaction[_ROUNDS].find_one(wanted, session=transaction.session)


def rounds_since(transaction: Transaction, round: Round) -> RoundsSince:
    """Reads rounds of every institution, because a programme can bring members of several institutions together."""
    _take_turn(transaction)
    if round.frozen is None or round.solved is None:
        return RoundsSince()
    since = [{"state": "publishing"}, {"state": "published", "published_at": {"$gt": round.frozen.at}}]
    found = transaction[_ROUNDS].find({"_id": {"$ne": round.id}, "$or": since}, session=transaction.session)
    others = [other for other in found if other["solved"]]
    if not others:
        return RoundsSince()
    gives = _seats_by_mentor(transaction, [round.solved.result.key], ["planned"])
    taken_by_others = _seats_by_mentor(transaction, [_result_key(other) for other in others], ["planned", "opened"])
    shared = gives.keys() & taken_by_others.keys()
    publishing = [_result_key(other) for other in others if other["state"] == "publishing"]
    promised = _seats_by_mentor(transaction, publishing, ["planned"]) if publishing else {}
    return RoundsSince(
        is_superseded=any(other["programme"] == round.programme for other in others),
        gives={mentor: gives[mentor] for mentor in shared},
        left={mentor: free - promised.get(mentor, 0) for mentor, free in _free_seats(transaction, shared).items()},
    )


def _take_turn(transaction: Transaction) -> None:
    transaction[_TURNS].update_one({"_id": _ALL}, {"$inc": {"turns": 1}}, session=transaction.session)


def _result_key(round: Document) -> str:
    return str(round["solved"]["result"]["key"])


def _seats_by_mentor(transaction: Transaction, result_keys: Sequence[str], states: Sequence[str]) -> Mapping[str, int]:
    """By mentor: the number of places of these results that are in one of the states."""
    stages: list[Document] = [
        {"$match": {"edition": {"$in": list(result_keys)}, "state": {"$in": list(states)}}},
        {"$group": {"_id": "$mentor.member", "seats": {"$sum": 1}}},
    ]
    return {
        group["_id"]: group["seats"] for group in transaction[PLACES].aggregate(stages, session=transaction.session)
    }


def _free_seats(transaction: Transaction, mentors: Collection[str]) -> Mapping[str, int]:
    wanted = {"_id": {"$in": sorted(mentors)}}
    seats = transaction[SEATS].find(wanted, {"taken": 1}, session=transaction.session)
    taken = {mentor["_id"]: mentor["taken"] for mentor in seats}
    members = transaction[PARTICIPANTS].find(wanted, {"capacity": 1}, session=transaction.session)
    return {member["_id"]: member.get("capacity", 0) - taken.get(member["_id"], 0) for member in members}
