"""Events of matching that say who is suggested, asked and matched."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.consuming.projecting import ProjectionHandler
from shared.consuming.projection import Refused
from shared.contracts.envelope import Received
from shared.contracts.matching import (
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


class RelationProjections(Protocol):
    async def fold_pairs(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_lists(self, received: Sequence[Received]) -> Sequence[Refused]: ...


def projection_handlers(relations: RelationProjections) -> Mapping[type[Payload], ProjectionHandler]:
    """The projection of each event."""
    return {
        SuggestionsChanged: relations.fold_lists,
        MentorRequested: relations.fold_pairs,
        MentorNudged: relations.fold_pairs,
        RequestAccepted: relations.fold_pairs,
        RequestDeclined: relations.fold_pairs,
        RequestWithdrawn: relations.fold_pairs,
        RequestExpired: relations.fold_pairs,
        RelationshipOpened: relations.fold_pairs,
        RelationshipPaused: relations.fold_pairs,
        RelationshipResumed: relations.fold_pairs,
        RelationshipClosed: relations.fold_pairs,
        ConflictDetected: relations.fold_pairs,
    }
