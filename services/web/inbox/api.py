"""The inbox: pages of notifications, read up to what was seen; with the script, new ones appear at once."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from services.web.pages.forms import page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit

_POSITION = re.compile(r"[0-9]{1,15}")
_SILENT_SECONDS = 60
"""A stream without as much as a heartbeat for so long is dead: the browser connects again."""


def inbox_router() -> APIRouter:
    routes = page_router()

    @routes.get("/inbox")
    async def inbox(visit: SignedIn, after: str | None = None) -> Response:
        return visit.page("inbox/inbox.html", inbox=await visit.notifications.inbox(cursor=after), is_first=not after)

    @routes.post("/inbox")
    async def read(visit: SignedIn, form: Posted) -> Response:
        position = form.text("position")
        if _POSITION.fullmatch(position):
            await visit.notifications.read_up_to(int(position), idempotency_key=form.idempotency_key)
        return visit.go("/inbox")

    @routes.get("/inbox/stream")
    async def follow(visit: SignedIn, after: str = "0") -> Response:
        """Passes the service's events through; the token never reaches the browser."""
        given = visit.request.headers.get("last-event-id") or after
        position = given if _POSITION.fullmatch(given) else "0"
        stack = AsyncExitStack()
        answer = await stack.enter_async_context(visit.notifications.follow(position, silent_seconds=_SILENT_SECONDS))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_passed(visit, answer, stack), media_type="text/event-stream", headers=headers)

    return routes


async def _passed(visit: SignedInVisit, answer: httpx.Response, stack: AsyncExitStack) -> AsyncIterator[bytes]:
    """Ends with the session, and quietly when the service does: the browser's EventSource connects again."""
    async with stack:
        try:
            async for chunk in answer.aiter_raw():
                if not await visit.is_signed_in_still():
                    return
                yield chunk
        except httpx.HTTPError:  # the service ended the stream, and the browser comes back
            return
