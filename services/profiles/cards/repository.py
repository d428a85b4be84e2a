"""The local copy of who is suggested to whom, asked and matched, from `matching.events`.

Guarded by each aggregate's sequence; ids only. A pair's document and a list's are found by both members' institutions.
The topic keeps facts for 30 days and a mentoring lasts longer, so the copy outlives the topic. Of an erased member it
keeps no pair and no list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.profiles.cards.domain.relations import Relation, state_after
from services.profiles.cards.usecases import Party
from services.profiles.kernel.repository import ERASED
from shared.consuming.projection import Copy, Refused, fold
from shared.contracts.envelope import Received
from shared.contracts.matching import (
    AboutRelationship,
    AboutRequest,
    ConflictDetected,
    MentorNudged,
    MentorRequested,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
    RequestAccepted,
    RequestDeclined,
    RequestExpired,
    RequestWithdrawn,
    SuggestionsChanged,
)
from shared.contracts.payload import Payload
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes

PAIRS, SUGGESTED = "relations", "suggested"
_SIDES = {PAIRS: ("mentee", "mentor"), SUGGESTED: ("mentee",)}
"""The sides whose erasure deletes a document. A list that names an erased mentor is kept: matching renews it."""
OF_PAIRS: tuple[type[Payload], ...] = (
    MentorRequested,
    MentorNudged,
    RequestAccepted,
    RequestDeclined,
    RequestWithdrawn,
    RequestExpired,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
    RelationshipClosed,
    ConflictDetected,
)


def _pair(event: AboutRequest | AboutRelationship) -> Document:
    return {"mentee": _party(event.mentee), "mentor": _party(event.mentor), "state": state_after(event)}


def _list(event: SuggestionsChanged) -> Document:
    mentors = [{"institution": ranked.institution, "member": ranked.mentor} for ranked in event.ranked]
    return {"mentee": {"institution": event.institution, "member": event.mentee}, "mentors": mentors}


def _members(event: Payload | None) -> Sequence[str]:
    if isinstance(event, SuggestionsChanged):
        return (event.mentee,)
    return (event.mentee.member, event.mentor.member) if isinstance(event, AboutRequest | AboutRelationship) else ()


def _party(of: Any) -> Document:
    return {"institution": of.institution, "member": of.member}


async def forget_all_erased(database: Database) -> int:
    """Deletes what the copy holds of every member with an erasure marker; returns how many markers there are."""
    erased = [(marker["institution"], marker["_id"]) async for marker in database[ERASED].find({}, {"institution": 1})]
    await _forget(database, erased)
    return len(erased)


def forget_within(transaction: Transaction, institution: str, member: str) -> None:
    """Within the transaction that carries out an erasure."""
    for collection, sides in _SIDES.items():
        transaction[collection].delete_many(_of(sides, (institution, member)), session=transaction.session)


async def _forget(database: Database, members: Sequence[Party]) -> None:
    for member in members:
        for collection, sides in _SIDES.items():
            await database[collection].delete_many(_of(sides, member))


def _of(sides: Sequence[str], member: Party) -> Document:
    return {"$or": [_named(side, member) for side in sides]}


COPIES = (
    Copy(
        collection=PAIRS,
        payload=OF_PAIRS[0],
        body=_pair,
        other_payloads=OF_PAIRS[1:],
        follow=forget_all_erased,
        outlives_topic=True,
    ),
    Copy(collection=SUGGESTED, payload=SuggestionsChanged, body=_list, follow=forget_all_erased, outlives_topic=True),
)


class MongoRelationRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._pairs = database[PAIRS]
        self._suggested = database[SUGGESTED]

    async def prepare(self) -> None:
        by_side = [
            IndexModel([(f"{side}.institution", ASCENDING), (f"{side}.member", ASCENDING)], name=side)
            for side in ("mentee", "mentor")
        ]
        await ensure_indexes(self._pairs, by_side)
        await ensure_indexes(self._suggested, by_side[:1])

    async def fold_pairs(self, received: Sequence[Received]) -> list[Refused]:
        refused = await fold(self._pairs, received, _pair)
        await self._forget_erased(received)
        return refused

    async def fold_lists(self, received: Sequence[Received]) -> list[Refused]:
        refused = await fold(self._suggested, received, _list)
        await self._forget_erased(received)
        return refused

    async def _forget_erased(self, received: Sequence[Received]) -> None:
        """Facts about an erased member can arrive later or again: matching publishes some because of the erasure."""
        ids = {id for record in received for id in _members(record.payload)}
        markers = self._database[ERASED].find({"_id": {"$in": sorted(ids)}}, {"institution": 1})
        await _forget(self._database, [(marker["institution"], marker["_id"]) async for marker in markers])

    async def of(self, viewer: Party, others: Sequence[str]) -> Mapping[Party, Relation]:
        found: dict[Party, Relation] = {}
        for other in await self._suggested_to(viewer, others):
            found[other] = "suggested"
        for state in ("asked", "matched"):  # the closest last
            for other in await self._paired(viewer, others, state):
                found[other] = state
        return found

    async def _suggested_to(self, viewer: Party, others: Sequence[str]) -> list[Party]:
        mine = {**_named("mentee", viewer), "mentors.member": {"$in": list(others)}, "erased": False}
        lists = self._suggested.find(mine, {"mentors": 1})
        return [
            (mentor["institution"], mentor["member"])
            async for document in lists
            for mentor in document["mentors"]
            if mentor["member"] in others
        ]

    async def _paired(self, viewer: Party, others: Sequence[str], state: str) -> list[Party]:
        parties: list[Party] = []
        for mine, theirs in (("mentee", "mentor"), ("mentor", "mentee")):
            wanted = {**_named(mine, viewer), f"{theirs}.member": {"$in": list(others)}, "state": state}
            found = self._pairs.find({**wanted, "erased": False}, {theirs: 1})
            parties += [(pair[theirs]["institution"], pair[theirs]["member"]) async for pair in found]
        return parties


def _named(side: str, party: Party) -> Document:
    institution, member = party
    return {f"{side}.institution": institution, f"{side}.member": member}
