"""The thread of a mentorship over HTTP. A coordinator reads a message only if its receiver reported it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.kernel.pairs import Side
from services.mentorships.messages.domain import MAX_LENGTH, Message, ReportReason
from services.mentorships.messages.usecases import Messages
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, Limit, NewId, Page, SignedIn, Traced, moment_before, page_of, problems, router
from shared.http.cursors import Moment
from shared.text import Text


class NewMessage(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "Shall we meet on Friday at nine?"}}
    )

    text: Annotated[Text, Field(min_length=1, max_length=MAX_LENGTH)]


class NewReport(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "harassment", "comment": ""}})

    reason: ReportReason
    comment: Annotated[Text, Field(max_length=2_000)] = ""


class MessageRead(BaseModel):
    id: str
    by: Side
    sent_at: datetime
    text: str
    reported: bool | None = Field(default=None, description="True if you have reported it, else absent")


class ThreadRead(Page[MessageRead]):
    blocked: bool = Field(description="Whether you have blocked it; whether the other person has is shown to nobody")
    writable: bool = Field(description="Whether the mentorship goes on, and you have not blocked the thread")


class ReportRead(BaseModel):
    message: MessageRead
    mentorship: str
    reported_at: datetime
    reason: ReportReason
    comment: str


def messages_router(messages: Messages) -> APIRouter:
    routes = router(tags=["messages"])

    @routes.get("/mentorships/{mentorship}/messages", response_model_exclude_none=True, responses=problems(404))
    async def read_thread(mentorship: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50) -> ThreadRead:
        """The newest first."""
        side, thread, found = await messages.thread(me, mentorship, before=moment_before(cursor), limit=limit)
        page = page_of(found, lambda message: message_read(message, side), limit=limit, position=_moment)
        return ThreadRead(
            items=page.items,
            next=page.next,
            blocked=side in thread.blocked_by,
            writable=thread.lets_write(side),
        )

    @routes.post(
        "/mentorships/{mentorship}/messages",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(404, 409),
    )
    async def send_message(
        mentorship: Id, body: NewMessage, me: SignedIn, new_id: NewId, trace: Traced, _key: IdempotencyKey = None
    ) -> MessageRead:
        return message_read(await messages.send(me, mentorship, id=new_id, text=body.text, trace=trace))

    @routes.put("/mentorships/{mentorship}/messages/block", status_code=204, responses=problems(404))
    async def block_thread(mentorship: Id, me: SignedIn) -> Response:
        """Stops messages both ways. The other person reads that messages cannot be sent at the moment."""
        await messages.block(me, mentorship, is_blocked=True)
        return Response(status_code=204)

    @routes.delete("/mentorships/{mentorship}/messages/block", status_code=204, responses=problems(404))
    async def unblock_thread(mentorship: Id, me: SignedIn) -> Response:
        await messages.block(me, mentorship, is_blocked=False)
        return Response(status_code=204)

    @routes.get("/messages/{message}", response_model_exclude_none=True, responses=problems(404))
    async def see_message(message: Id, me: SignedIn) -> MessageRead:
        side, found = await messages.see(me, message)
        return message_read(found, side)

    @routes.post("/messages/{message}/report", status_code=204, responses=problems(403, 404))
    async def report_message(
        message: Id, body: NewReport, me: SignedIn, trace: Traced, _key: IdempotencyKey = None
    ) -> Response:
        """Shows this message, and no other, to the coordinators of my institution. Its sender does not learn of it."""
        await messages.report(me, message, reason=body.reason, comment=body.comment, trace=trace)
        return Response(status_code=204)

    @routes.get(
        "/programmes/{programme}/message-reports", response_model_exclude_none=True, responses=problems(403, 404)
    )
    async def reports_of_programme(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[ReportRead]:
        """For a coordinator: messages that members of their institution have reported, the newest first."""
        found = await messages.reported(me, programme, before=moment_before(cursor), limit=limit)
        return page_of(found, report_read, limit=limit, position=_moment)

    return routes


def _moment(message: Message) -> Moment:
    return message.sent_at, message.id


def message_read(message: Message, reader: Side | None = None) -> MessageRead:
    """`reader`: who reads their own thread."""
    is_reported = True if message.report is not None and reader not in (None, message.by) else None
    return MessageRead(id=message.id, by=message.by, sent_at=message.sent_at, text=message.text, reported=is_reported)


def report_read(message: Message) -> ReportRead:
    assert message.report is not None  # noqa: S101 -- the query's condition
    return ReportRead(
        message=message_read(message),
        mentorship=message.mentorship,
        reported_at=message.report.at,
        reason=message.report.reason,
        comment=message.report.comment,
    )
