"""What a route asks of a request, as dependencies: who asks, which version, which page, under which id."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel

from shared.auth import Authenticator, Principal
from shared.contracts.envelope import Trace
from shared.errors import Rejected
from shared.telemetry import current_trace

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """`next` is the cursor of the page after this one; absent on the last."""

    items: Sequence[T]
    next: str | None = None


async def principal(request: Request) -> Principal:
    """The route's sign-in: `me: Annotated[Principal, Depends(principal)]` (or `SignedIn`)."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        authenticator: Authenticator = request.app.state.authenticator
        known = await authenticator.principal(request.headers.get("authorization"))
        request.state.principal = known
    return known


def new_id(request: Request) -> str:
    """A new aggregate's id. It follows from the Idempotency-Key: a retry after a crash creates nothing twice."""
    return getattr(request.state, "id", None) or str(request.app.state.clock.new_id())


def expected_version(if_match: Annotated[str, Header(description='The ETag last read: `"7"`')]) -> int:
    """`If-Match` is required wherever a resource is changed; a version that is not the current one is 412."""
    match = re.fullmatch(r'(?:W/)?"(\d{1,15})"', if_match.strip())
    if match is None:
        raise Rejected("if_match_malformed", 'If-Match must be the ETag last read, like "7"')
    return int(match[1])


def trace(request: Request) -> Trace:
    return current_trace(request.app.state.clock.new_id())


SignedIn = Annotated[Principal, Depends(principal)]
NewId = Annotated[str, Depends(new_id)]
ExpectedVersion = Annotated[int, Depends(expected_version)]
Traced = Annotated[Trace, Depends(trace)]
Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page")]


def etag(version: int) -> str:
    return f'"{version}"'


def to_cursor(position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def from_cursor(cursor: str | None) -> Any:
    """The position a page's `next` stands for. Rejects what we never gave out."""
    if cursor is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise Rejected("cursor_malformed", "cursor must be the `next` of a page, unchanged") from None
