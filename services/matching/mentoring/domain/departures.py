"""What somebody leaves behind who becomes inactive or is erased: requests that nobody can answer, and seats.

Whoever leaves a programme leaves the requests made in it behind. A mentoring that has begun goes on: enrolment says who
is brought together, not who stays together; either of the two can close it.
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
    """Of the state that says so."""
    is_erased: bool
    event: str
    correlation: str


def leave(
    departure: Departure, *, pending: Iterable[Request], opened: Iterable[Relationship], now: datetime
) -> Iterator[Decided[Request] | Decided[Relationship]]:
    """Requests are withdrawn; relationships put on hold, or closed by an erasure. Of somebody who is active still
    `opened` is empty.
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
