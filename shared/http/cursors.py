"""Cursors of pages: the position after a page's last element as an opaque text."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from shared.errors import Rejected

Moment = tuple[datetime, str]
"""The time and the id of an element; ids break ties."""
_LAST_LINE = 2**31


def to_cursor(position: Any) -> str:
    """`position`: a text, a number or a `Moment`."""
    text = json.dumps(position, default=datetime.isoformat)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_cursor(cursor: str | None) -> Any:
    """Decodes a cursor; None for the first page. Raises `Rejected` where the text is not a cursor."""
    if cursor is None:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        json.dumps(position, ensure_ascii=False).encode()  # a lone surrogate is valid JSON, and a store refuses it
    except (ValueError, RecursionError, binascii.Error):
        raise _malformed() from None
    return position


def text_after(cursor: str | None) -> str | None:
    """For pages ordered by a text, such as an id."""
    position = from_cursor(cursor)
    if position is None or isinstance(position, str):
        return position
    raise _malformed()


def line_after(cursor: str | None) -> int:
    position = from_cursor(cursor)
    if position is None:
        return 0
    if type(position) is int and 0 <= position < _LAST_LINE:
        return position
    raise _malformed()


def moment_before(cursor: str | None) -> Moment | None:
    """For pages with the newest element first."""
    position = from_cursor(cursor)
    if position is None:
        return None
    try:
        at, id = position
        return datetime.fromisoformat(at).astimezone(UTC), str(id)
    except (TypeError, ValueError, OverflowError):
        raise _malformed() from None


def _malformed() -> Rejected:
    return Rejected(
        "cursor_malformed", "`cursor` must be the `next` of the page before, unchanged: start again without it"
    )
