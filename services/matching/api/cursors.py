"""Where a page ends, as whoever reads on sends it back: only what we could have given out is believed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.matching.domain.rehearsals.life import Rehearsal
from services.matching.domain.relationships import Relationship
from services.matching.domain.repair.life import Repair
from services.matching.domain.requests import Request
from services.matching.domain.rounds.life import Round
from services.matching.usecases.parties import Position
from shared.errors import Rejected
from shared.http import from_cursor, to_cursor


def before(cursor: str | None) -> Position | None:
    position = from_cursor(cursor)
    if position is None:
        return None
    try:
        at, id = position
        return datetime.fromisoformat(at).astimezone(UTC), str(id)
    except (TypeError, ValueError, OverflowError):
        raise Rejected("cursor_malformed", "cursor must be the `next` of a page, unchanged") from None


def last_seen(cursor: str | None) -> str:
    """Of pages in the order of one text."""
    position = from_cursor(cursor)
    if not isinstance(position, str | None):
        raise Rejected("cursor_malformed", "cursor must be the `next` of a page, unchanged")
    return position or ""


Dated = Request | Relationship | Round | Repair | Rehearsal


def following(page: Sequence[Dated], limit: int) -> str | None:
    """The cursor of the page after this one."""
    if len(page) < limit:
        return None
    last = page[-1]
    return to_cursor([_began(last).isoformat(), last.id])


def _began(one: Dated) -> datetime:
    if isinstance(one, Repair | Rehearsal):
        return one.began_at
    if isinstance(one, Round):
        return one.opened_at
    return one.asked_at if isinstance(one, Request) else one.since
