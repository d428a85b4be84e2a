"""Withdraws the pending requests and ends or pauses the relationships of a member who becomes inactive or is erased.

When a member leaves a programme, only their pending requests in it are withdrawn. Open relationships continue, because
enrolment decides who can be matched, not who stays matched; either party can close them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from services.matching.kernel.pairs import Decided
from services.matching.mentoring.domain import relationships, requests
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    member: str
    institution: str
    sequence: int
    """Sequence of the member state that recorded the departure."""
    is_erased: bool
    event: str
    correlation: str


def leave(
    departure: Departure, *, pending: Iterable[Request], opened: Iterable[Relationship], now: datetime
) -> Iterator[Decided[Request] | Decided[Relationship]]:
    """Withdraws requests, and puts relationships on hold or, after an erasure, closes them. The caller passes an empty
    `opened` for a member who is still active.
    """
    for request in pending:
        side = request.pair.side_of(departure.member)
        if side is not None and request.state == "pending":
            yield requests.leave(request, side=side, now=now)
    for relationship in opened:
        side = relationship.pair.side_of(departure.member)
        if side is None:
            continue
        left = relationships.leave(relationship, side=side, is_erased=departure.is_erased, now=now)
        if left is not None:
            yield left
