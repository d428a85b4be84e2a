"""How two members are related, by matching's facts: the last fact of a request or relationship decides."""

from typing import Literal

from shared.contracts.matching import (
    AboutRelationship,
    AboutRequest,
    MentorNudged,
    MentorRequested,
    RelationshipClosed,
)

Relation = Literal["suggested", "asked", "matched"]
RelationState = Literal["asked", "matched", "ended"]


def state_after(event: AboutRequest | AboutRelationship) -> RelationState:
    """An accepted request has ended: the relationship that follows has facts of its own."""
    if isinstance(event, AboutRequest):
        return "asked" if isinstance(event, MentorRequested | MentorNudged) else "ended"
    return "ended" if isinstance(event, RelationshipClosed) else "matched"
