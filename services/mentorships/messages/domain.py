"""The private thread of a mentorship: messages that the two alone read. Pure decisions.

Either can block the thread, which stops messages both ways, and report a message of the other: the reporter's
coordinators then read that message, and no other.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.mentorships.kernel.pairs import Decided, OfPair, Pair, Side
from shared.contracts.mentorships import MessageSent
from shared.contracts.payload import Recipient
from shared.errors import Conflict, Forbidden

ReportReason = Literal["harassment", "discrimination", "safety", "spam", "other"]
MAX_LENGTH = 5_000
MAX_MESSAGES = 10_000
"""Of one mentorship."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    at: datetime
    reason: ReportReason
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(OfPair):
    id: str
    mentorship: str
    pair: Pair
    version: int = 1
    by: Side
    sent_at: datetime
    text: str
    report: Report | None = None
    """By the other person."""
    due_at: datetime | None = None
    """Never: time changes no message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Whether the two can write to each other."""

    pair: Pair
    is_open: bool
    """Whether the mentorship goes on."""
    blocked_by: tuple[Side, ...]
    messages: int

    def lets_write(self, side: Side) -> bool:
        """As far as this side may know: whether the other one has blocked the thread is shown only by a refusal."""
        return self.is_open and side not in self.blocked_by


def send(thread: Thread, *, mentorship: str, id: str, by: Side, text: str, now: datetime) -> Decided[Message]:
    if not thread.is_open:
        raise Conflict("mentorship_ended", "the mentorship has ended; messages can still be read")
    if by in thread.blocked_by:
        raise Conflict("thread_blocked", "you have blocked this thread: unblock it to write again")
    if thread.blocked_by:
        raise Conflict("thread_closed", "messages cannot be sent here at the moment")
    if thread.messages >= MAX_MESSAGES:
        raise Conflict("thread_full", f"a mentorship can have {MAX_MESSAGES} messages")
    message = Message(id=id, mentorship=mentorship, pair=thread.pair, by=by, sent_at=now, text=text)
    recipient = thread.pair.across(by).as_recipient
    return Decided(state=message, event=_sent(message, recipient))


def report(message: Message, *, by: Side, reason: ReportReason, comment: str, now: datetime) -> Decided[Message] | None:
    """Idempotent. Only the reporter's coordinators can see it, so it is no event: institutions read each other's."""
    if message.by == by:
        raise Forbidden("own_message", "only the person who received a message can report it")
    if message.report is not None:
        return None
    reported = Report(at=now, reason=reason, comment=comment)
    return Decided(state=replace(message, version=message.version + 1, report=reported))


def _sent(message: Message, recipient: Recipient) -> MessageSent:
    pair = message.pair
    return MessageSent(
        message=message.id,
        mentorship=message.mentorship,
        programme=pair.programme,
        mentee=pair.mentee.as_recipient,
        mentor=pair.mentor.as_recipient,
        recipients=(recipient,),
    )
