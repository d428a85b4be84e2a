"""A flash slot: a short conversation that a mentor offers and one mentee books. Pure decisions; instants are in UTC.

It belongs to no mentorship and takes no seat. The first booking wins. A mentee who cancels leaves the slot open for
others; a mentor who cancels withdraws it. What nobody says within a week of a conversation is unknown, not missed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import Decided, Party, People, Side
from shared.contracts.payload import Payload, Recipient
from shared.contracts.short_formats import (
    FlashBooked,
    FlashCancelled,
    FlashHeld,
    FlashMissed,
    FlashOffered,
    FlashReminded,
)
from shared.errors import Conflict, FieldError, Forbidden, Rejected

State = Literal["open", "booked", "held", "missed", "unknown", "withdrawn", "expired"]
Outcome = Literal["held", "missed"]
MACHINE = StateMachine(
    name="flash_slot",
    initial=("open",),
    moves={
        "book": {"open": "booked"},
        "cancel_booking": {"booked": "open"},
        "withdraw": {"open": "withdrawn", "booked": "withdrawn"},
        "hold": {"booked": "held", "missed": "held", "unknown": "held"},
        "miss": {"booked": "missed", "unknown": "missed"},
        "give_feedback": {"held": "held"},
        "run_out": {"open": "expired", "booked": "unknown"},
    },
)
"""`cancel_booking` is the mentee's, `withdraw` the mentor's, `run_out` time's."""
Possible = Literal["book", "cancel_booking", "withdraw", "hold", "miss", "give_feedback"]
LEAST_MINUTES, MOST_MINUTES = 20, 60
MAX_SLOTS_AT_ONCE = 24
MAX_OFFERED = 50
"""Slots to come of one mentor."""
MAX_BOOKED = 5
"""Booked slots to come of one mentee, so that nobody takes them all."""
REMINDER = timedelta(hours=24)
ANSWER_TIME = timedelta(days=7)
_FURTHEST = timedelta(days=183)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """By the mentee, for the mentor."""

    useful: int
    """From 1, not at all, to 5, very."""
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Topic, link, question and feedback are in no event, log or error text."""

    id: str
    programme: str
    mentor: Party
    admits: tuple[str, ...]
    """Institutions whose members may book it."""
    state: State = "open"
    version: int = 1
    starts_at: datetime
    minutes: int
    topic: str
    link: str
    """Where the two meet; shown to them alone."""
    mentee: Party | None = None
    question: str = ""
    """What the mentee would like to talk about."""
    reminded: bool = False
    feedback: Feedback | None = None
    left: Side | None = None
    """Who of the two was erased while the slot was booked; what follows is due at once."""
    due_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def parties(self) -> People:
        """An open slot can be seen wherever it can be booked; a booked one by the two people only."""
        people = [self.mentor] if self.mentee is None else [self.mentee, self.mentor]
        open_to = self.admits if self.state == "open" else ()
        institutions = {*open_to, *(person.institution for person in people)}
        return People(members=tuple(person.member for person in people), institutions=tuple(sorted(institutions)))

    def side_of(self, member: str) -> Side | None:
        if member == self.mentor.member:
            return "mentor"
        return "mentee" if self.mentee is not None and member == self.mentee.member else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a mentor has time: slots of equal length, one after the other."""

    begins_at: datetime
    ends_at: datetime
    minutes: int

    def starts(self, *, now: datetime) -> Sequence[datetime]:
        """Raises `Rejected` with every field that is wrong."""
        errors = list(self._errors(now))
        if errors:
            raise Rejected("flash_window_invalid", "these slots cannot be offered: see errors", tuple(errors))
        length = timedelta(minutes=self.minutes)
        return [self.begins_at + length * number for number in range(self._slots)]

    @property
    def _slots(self) -> int:
        return (self.ends_at - self.begins_at) // timedelta(minutes=self.minutes)

    def _errors(self, now: datetime) -> Iterator[FieldError]:
        if not now < self.begins_at <= now + _FURTHEST:
            yield FieldError("starts", f"must be after now, and within {_FURTHEST.days} days")
        if self._slots < 1:
            yield FieldError("ends", f"must leave time for a slot of {self.minutes} minutes after the start")
        if self._slots > MAX_SLOTS_AT_ONCE:
            yield FieldError("ends", f"must leave time for at most {MAX_SLOTS_AT_ONCE} slots")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What a person has agreed to already: how many slots are to come, and whether one of them overlaps."""

    coming: int
    overlaps: bool


def offer(window: Window, template: Slot, known: Calendar, *, now: datetime) -> Sequence[Decided[Slot]]:
    """`template`: what all slots have in common. The slots' ids are numbered after its own."""
    starts = window.starts(now=now)
    if known.coming + len(starts) > MAX_OFFERED:
        raise Conflict("too_many_slots", f"a mentor can offer {MAX_OFFERED} slots to come: withdraw some first")
    if known.overlaps:
        raise Conflict("slots_overlap", "you have offered or booked a slot in this time already")
    slots = [
        _next(template, id=f"{template.id}.{number}", version=1, starts_at=start, minutes=window.minutes)
        for number, start in enumerate(starts, 1)
    ]
    return [Decided(state=slot, event=_offered(slot)) for slot in slots]


def book(slot: Slot, mentee: Party, known: Calendar, *, question: str, now: datetime) -> Decided[Slot] | None:
    """None where the mentee has booked it already."""
    if slot.state == "booked" and slot.mentee == mentee:
        return None
    if slot.state == "booked":
        raise Conflict("slot_taken", "somebody else has booked this slot: choose another one")
    MACHINE.after(slot.state, "book")
    if mentee.member == slot.mentor.member:
        raise Forbidden("own_slot", "this is your own slot: others book it")
    if slot.starts_at <= now:
        raise Conflict("slot_begun", "this slot has begun: choose a later one")
    if known.coming >= MAX_BOOKED:
        raise Conflict("too_many_bookings", f"you have booked {MAX_BOOKED} slots to come: cancel one first")
    if known.overlaps:
        raise Conflict("slots_overlap", "you have offered or booked a slot in this time already")
    is_near = slot.starts_at - REMINDER <= now
    after = _next(slot, state="booked", mentee=mentee, question=question, reminded=is_near)
    return Decided(state=after, event=FlashBooked(recipients=(slot.mentor.as_recipient,), **_about(after, mentee)))


def cancel(slot: Slot, *, by: Side, now: datetime) -> Decided[Slot]:
    """Before the slot begins: the mentee leaves it open for others, the mentor withdraws it."""
    MACHINE.after(slot.state, "withdraw" if by == "mentor" else "cancel_booking")
    if slot.starts_at <= now:
        raise Conflict("slot_begun", "this slot has begun: say whether the conversation was held")
    return _cancelled(slot, by=by, reason=f"by_{by}")


def record(slot: Slot, outcome: Outcome, *, by: Side, now: datetime) -> Decided[Slot] | None:
    """By either, from the start on. Who says that a missed conversation was held corrects it."""
    if slot.state == outcome:
        return None
    state = MACHINE.after(slot.state, "hold" if outcome == "held" else "miss")
    if slot.starts_at > now:
        raise Conflict("slot_not_begun", "this conversation has not taken place yet: say so once it has begun")
    mentee = _mentee(slot)
    after, about = _next(slot, state=state), _about(slot, mentee)
    to = (slot.mentor if by == "mentee" else mentee).as_recipient
    event = FlashHeld(recipients=(to,), **about) if outcome == "held" else FlashMissed(recipients=(to,), **about)
    return Decided(state=after, event=event)


def give_feedback(slot: Slot, *, by: Side, useful: int, text: str, now: datetime) -> Decided[Slot]:
    """Another one replaces it. In no event."""
    MACHINE.after(slot.state, "give_feedback")
    if by != "mentee":
        raise Forbidden("mentee_only", "the mentee says how useful it was")
    return Decided(state=_next(slot, feedback=Feedback(useful=useful, text=text, at=now)))


def pass_time(slot: Slot, now: datetime) -> Decided[Slot] | None:
    """The next step that is due. After an outage nobody is reminded of a slot that has begun."""
    if slot.due_at is None or slot.due_at > now:
        return None
    if slot.left is not None:
        return _after_erasure(slot, slot.left, now)
    if slot.state == "booked" and not slot.reminded:
        after, mentee = _next(slot, reminded=True), _mentee(slot)
        both = (mentee.as_recipient, slot.mentor.as_recipient) if now < slot.starts_at else ()
        return Decided(state=after, event=FlashReminded(recipients=both, **_about(after, mentee)) if both else None)
    return Decided(state=_next(slot, state=MACHINE.after(slot.state, "run_out")))


def possible(slot: Slot, side: Side | None, *, now: datetime) -> tuple[Possible, ...]:
    """`side`: None for somebody who could book it."""
    before = slot.starts_at > now
    own: dict[Side | None, set[str]] = {
        None: {"book"} if before else set(),
        "mentee": {"give_feedback", *(("cancel_booking",) if before else ("hold", "miss"))},
        "mentor": {"withdraw"} if before else {"hold", "miss"},
    }
    return tuple(
        command for command in get_args(Possible) if command in own[side] and MACHINE.allows(slot.state, command)
    )


def _after_erasure(slot: Slot, left: Side, now: datetime) -> Decided[Slot]:
    if slot.state == "booked" and slot.starts_at > now:
        return _cancelled(slot, by=left, reason=f"{left}_left")
    return Decided(state=_next(slot, left=None))


def _cancelled(slot: Slot, *, by: Side, reason: str) -> Decided[Slot]:
    mentee = slot.mentee
    event = None
    if mentee is not None:
        other = mentee if by == "mentor" else slot.mentor
        event = FlashCancelled(reason=reason, recipients=(other.as_recipient,), **_about(slot, mentee))
    if by == "mentor":
        return Decided(state=_next(slot, state="withdrawn", left=None), event=event)
    freed = _next(slot, state="open", mentee=None, question="", reminded=False, left=None)
    return Decided(state=freed, event=event)


def _next(slot: Slot, **changed: Any) -> Slot:
    after = replace(slot, **{"version": slot.version + 1, **changed})
    return replace(after, due_at=_due_at(after))


def _due_at(slot: Slot) -> datetime | None:
    if slot.state == "open":
        return slot.starts_at
    if slot.state != "booked":
        return None
    return slot.ends_at + ANSWER_TIME if slot.reminded else slot.starts_at - REMINDER


def _mentee(slot: Slot) -> Party:
    assert slot.mentee is not None  # noqa: S101 -- every state after `booked` has one, but for `withdrawn`
    return slot.mentee


def _offered(slot: Slot) -> Payload:
    return FlashOffered(
        slot=slot.id,
        programme=slot.programme,
        mentor=slot.mentor.as_recipient,
        starts_at=slot.starts_at,
        minutes=slot.minutes,
    )


def _about(slot: Slot, mentee: Party) -> dict[str, Any]:
    recipient: Recipient = mentee.as_recipient
    return {
        "slot": slot.id,
        "programme": slot.programme,
        "mentee": recipient,
        "mentor": slot.mentor.as_recipient,
        "starts_at": slot.starts_at,
        "minutes": slot.minutes,
    }
