"""A member's inbox over HTTP, and live as server-sent events. A member reads only their own."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.notifications.inbox.usecases.reading import Ended, Entry, Inbox
from services.notifications.inbox.usecases.tickets import StreamTickets
from services.notifications.settings import NotificationsSettings
from shared import http
from shared.auth import Principal
from shared.contracts.payload import Id
from shared.errors import Rejected
from shared.http import IdempotencyKey, Limit, Page, SignedIn

_LARGEST = 2**53 - 1
_SEND_SECONDS = 30
_GOODBYE_SECONDS = 3
_COME_BACK_AFTER_MS = 2_000
_TICKET = "Of `POST /inbox/stream/tickets`, instead of a token"

Position = Annotated[int, Field(ge=0, le=_LARGEST)]


class NotificationRead(BaseModel):
    """One notification in the reader's language, with the names as they are now."""

    id: str
    position: int = Field(description="Rises with each notification of this person; an update takes a new position")
    template: str = Field(examples=["suggestions-changed"])
    programme: str = Field(description="Empty where the notification concerns no programme")
    title: str = Field(examples=["Your list of mentors in Residency 2027 changed: 3 new"])
    body: str
    told_at: datetime
    read: bool
    read_at: datetime | None = None


class InboxRead(Page[NotificationRead]):
    unread: int = Field(description="In the whole inbox, whatever this page shows")
    position: int = Field(description="Follow `/inbox/stream?after=<position>` and miss nothing")


class ReadUpTo(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"up_to": 42}})

    up_to: Position = Field(description="The position of the newest notification that was seen", examples=[42])


class Marked(BaseModel):
    marked: int = Field(description="Became read by this request")
    unread: int


class TicketRead(BaseModel):
    """`ticket` is shown only in this answer."""

    ticket: str = Field(description="Opens one stream: `GET /inbox/stream?ticket=…`, without a token")
    expires_at: datetime


def inbox_router(inbox: Inbox, tickets: StreamTickets, settings: NotificationsSettings) -> APIRouter:
    router = http.router(prefix="/inbox", tags=["inbox"])

    @router.get("")
    async def list_inbox(
        me: SignedIn, *, cursor: str | None = None, limit: Limit = 50, unread: bool = False
    ) -> InboxRead:
        """The newest first. `unread=true` leaves out notifications that were read."""
        reader = await inbox.reader(me)
        page = await inbox.page(reader, below=_below(cursor), unread_only=unread, limit=limit)
        return InboxRead(
            items=[notification_read(entry) for entry in page.entries],
            next=http.to_cursor(page.next) if page.next is not None else None,
            unread=page.unread,
            position=page.position,
        )

    @router.post("/read")
    async def read_up_to(body: ReadUpTo, me: SignedIn, _key: IdempotencyKey = None) -> Marked:
        """Marks everything up to a position as read; later notifications stay unread."""
        marked, unread = await inbox.read_up_to(await inbox.reader(me), position=body.up_to)
        return Marked(marked=marked, unread=unread)

    @router.post("/{notification}/read", responses=http.problems(404))
    async def read_one(notification: Id, me: SignedIn, _key: IdempotencyKey = None) -> NotificationRead:
        return notification_read(await inbox.read(await inbox.reader(me), id=notification))

    _live(router, inbox, tickets, settings)
    return router


def _live(router: APIRouter, inbox: Inbox, tickets: StreamTickets, settings: NotificationsSettings) -> None:
    async def follower(
        request: Request, ticket: Annotated[str | None, Query(max_length=200, description=_TICKET)] = None
    ) -> Principal:
        if ticket is None:
            return await http.principal(request)
        if "authorization" in request.headers:  # perhaps of somebody else
            raise Rejected("ticket_and_token", "send either a token or a ticket")
        return await tickets.redeem(ticket)

    @router.post("/stream/tickets", status_code=201)
    async def issue_ticket(me: SignedIn, response: Response, _key: IdempotencyKey = None) -> TicketRead:
        """For a browser's EventSource, which can send no token. A ticket opens one stream within 30 s; the stream ends
        with the token with which the ticket was issued. After that, and after a lost connection, get another one.
        """
        await inbox.reader(me)
        code = await tickets.issue(me)
        response.headers["cache-control"] = "no-store"
        return TicketRead(ticket=code.code, expires_at=code.expires_at)

    @router.get("/stream", response_class=EventSourceResponse, responses=http.problems(401, 403))
    async def follow_inbox(
        me: Annotated[Principal, Depends(follower)],
        *,
        after: Annotated[
            int | None, Query(ge=0, le=_LARGEST, description="As Last-Event-ID, for a first visit")
        ] = None,
        last_event_id: Annotated[int | None, Header(ge=0, le=_LARGEST, description="The last `id:` received")] = None,
    ) -> EventSourceResponse:
        """Events named `notification`, with the position as `id:`; first those that were missed, then new ones.

        `renew` is the last event of a stream whose token has expired: get another token and come back with the last
        `id:`. `ended` is the last one when your profile is no longer active: do not come back.
        """
        reader = await inbox.reader(me)
        ending = anyio.Event()
        since = after if last_event_id is None else last_event_id
        return EventSourceResponse(
            _events(inbox.follow(me, reader, after=since, seconds=settings.stream_seconds, ending=ending)),
            sep="\n",
            ping=settings.heartbeat_seconds,
            send_timeout=_SEND_SECONDS,
            shutdown_event=ending,
            shutdown_grace_period=_GOODBYE_SECONDS,
        )


async def _events(entries: AsyncGenerator[Entry | Ended, None]) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="open", retry=_COME_BACK_AFTER_MS)
    async with aclosing(entries):
        async for entry in entries:
            yield _ended(entry) if isinstance(entry, Ended) else _event(entry)


def _event(entry: Entry) -> ServerSentEvent:
    shown = notification_read(entry)
    return ServerSentEvent(id=str(shown.position), event="notification", data=shown.model_dump_json())


def _ended(ended: Ended) -> ServerSentEvent:
    name = "renew" if ended.reason == "token_expired" else "ended"
    return ServerSentEvent(event=name, data=json.dumps({"reason": ended.reason}))


def _below(cursor: str | None) -> int | None:
    position = http.from_cursor(cursor)
    if position is not None and (type(position) is not int or not 0 <= position <= _LARGEST):
        raise Rejected(
            "cursor_malformed", "`cursor` must be the `next` of the page before, unchanged: start again without it"
        )
    return position


def notification_read(entry: Entry) -> NotificationRead:
    notification = entry.notification
    return NotificationRead(
        id=notification.id,
        position=notification.position,
        template=notification.template,
        programme=notification.change.programme,
        title=entry.message.title,
        body=entry.message.body,
        told_at=notification.notified_at,
        read=notification.read_at is not None,
        read_at=notification.read_at,
    )
