"""Where a page ends, as whoever reads on sends it back: only what we could have given out is believed."""

from datetime import UTC, datetime

from shared.errors import Rejected
from shared.http import from_cursor


def id_after(cursor: str | None) -> str | None:
    position = from_cursor(cursor)
    if position is None or isinstance(position, str):
        return position
    raise _malformed()


def line_after(cursor: str | None) -> int:
    position = from_cursor(cursor)
    if position is None:
        return 0
    if type(position) is int and 0 <= position < 2**31:
        return position
    raise _malformed()


def moment_before(cursor: str | None) -> tuple[datetime, str] | None:
    position = from_cursor(cursor)
    if position is None:
        return None
    try:
        at, id = position
        return datetime.fromisoformat(at).astimezone(UTC), str(id)
    except (TypeError, ValueError, OverflowError):
        raise _malformed() from None


def _malformed() -> Rejected:
    return Rejected("cursor_malformed", "cursor must be the `next` of a page, unchanged")
