"""An outreach visit: a member talks to pupils at a school. Pure decisions; instants are in UTC.

Of pupils only their number is stored. School, host contact, checklist and note are the visitor's own: in no event, log
or error text. The host contact is deleted a year after the visit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import Decided, Party, People
from shared.contracts.short_formats import VisitCancelled, VisitHeld, VisitPlanned, VisitReminded
from shared.errors import Conflict, FieldError, Rejected

State = Literal["planned", "held", "cancelled", "unknown"]
MACHINE = StateMachine(
    name="outreach_visit",
    initial=("planned",),
    moves={
        "change": {"planned": "planned"},
        "tick": {"planned": "planned", "held": "held", "unknown": "unknown"},
        "cancel": {"planned": "cancelled", "unknown": "cancelled"},
        "hold": {"planned": "held", "unknown": "held"},
        "note": {"held": "held"},
        "run_out": {"planned": "unknown"},
    },
)
"""`tick` changes the checklist. `run_out` is time's."""
Possible = Literal["change", "tick", "cancel", "hold", "note"]
LEAST_MINUTES, MOST_MINUTES = 15, 480
MAX_PLANNED = 50
MAX_ITEMS = 30
MAX_PUPILS = 2_000
CHECKLIST = ("agreed", "kit", "equipment", "arrival", "thanks")
"""Codes of the checklist with which a visit begins; docs/mentorships.md says what each means."""
REMINDER = timedelta(days=2)
ANSWER_TIME = timedelta(days=14)
CONTACT_KEPT = timedelta(days=365)
_FURTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    text: str
    """In the visitor's words, or a code of `CHECKLIST`."""
    is_done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    starts_at: datetime
    minutes: int
    school: str
    contact: str
    """How to reach the host, an adult at the school."""
    kit: str
    """The address of the talk kit; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    id: str
    visitor: Party
    state: State = "planned"
    version: int = 1
    plan: Plan
    checklist: tuple[Item, ...] = tuple(Item(text=code) for code in CHECKLIST)
    reminded: bool = False
    pupils: int | None = None
    note: str = ""
    """What follows from the visit."""
    due_at: datetime | None = None

    @property
    def parties(self) -> People:
        return People(members=(self.visitor.member,), institutions=(self.visitor.institution,))

    @property
    def ends_at(self) -> datetime:
        return self.plan.starts_at + timedelta(minutes=self.plan.minutes)


def possible(visit: Visit, *, now: datetime) -> tuple[Possible, ...]:
    has_begun = visit.plan.starts_at <= now
    return tuple(
        command
        for command in get_args(Possible)
        if MACHINE.allows(visit.state, command) and (has_begun or command != "hold")
    )


def plan_visit(plan: Plan, *, id: str, visitor: Party, planned: int, now: datetime) -> Decided[Visit]:
    """`planned`: how many planned visits the person has."""
    if planned >= MAX_PLANNED:
        raise Conflict("too_many_visits", f"you can have {MAX_PLANNED} planned visits: cancel one first")
    _require_start(plan, now)
    new = _scheduled(Visit(id=id, visitor=visitor, plan=plan, reminded=_is_near(plan, now)))
    return Decided(state=new, event=VisitPlanned(**_about(new)))


def change(visit: Visit, plan: Plan, *, now: datetime) -> Decided[Visit] | None:
    """None where nothing changes. Another time is published, and the visitor is reminded of it."""
    MACHINE.after(visit.state, "change")
    if plan == visit.plan:
        return None
    is_moved = (plan.starts_at, plan.minutes) != (visit.plan.starts_at, visit.plan.minutes)
    if is_moved:
        _require_start(plan, now)
    after = _next(visit, plan=plan, reminded=_is_near(plan, now) if is_moved else visit.reminded)
    return Decided(state=after, event=VisitPlanned(**_about(after)) if is_moved else None)


def tick(visit: Visit, checklist: Sequence[Item]) -> Decided[Visit] | None:
    """Replaces the checklist."""
    MACHINE.after(visit.state, "tick")
    if tuple(checklist) == visit.checklist:
        return None
    return Decided(state=_next(visit, checklist=tuple(checklist)))


def cancel(visit: Visit) -> Decided[Visit]:
    """Also afterwards, of a visit that did not take place."""
    after = _next(visit, state=MACHINE.after(visit.state, "cancel"))
    return Decided(state=after, event=VisitCancelled(**_about(after)))


def hold(visit: Visit, *, pupils: int, note: str, now: datetime) -> Decided[Visit]:
    state = MACHINE.after(visit.state, "hold")
    if visit.plan.starts_at > now:
        raise Conflict("visit_not_begun", "this visit has not taken place yet: say so once it has begun")
    after = _next(visit, state=state, pupils=pupils, note=note)
    return Decided(state=after, event=VisitHeld(**_about(after)))


def write_note(visit: Visit, *, note: str) -> Decided[Visit] | None:
    """Replaces the note."""
    MACHINE.after(visit.state, "note")
    return None if note == visit.note else Decided(state=_next(visit, note=note))


def pass_time(visit: Visit, now: datetime) -> Decided[Visit] | None:
    """The next step that is due. After an outage the visitor is not reminded of a visit that has begun."""
    if visit.due_at is None or visit.due_at > now:
        return None
    if visit.state != "planned":
        return Decided(state=_next(visit, plan=replace(visit.plan, contact="")))
    if visit.reminded:
        return Decided(state=_next(visit, state=MACHINE.after(visit.state, "run_out")))
    after, is_coming = _next(visit, reminded=True), now < visit.plan.starts_at
    recipients = (visit.visitor.as_recipient,)
    return Decided(state=after, event=VisitReminded(recipients=recipients, **_about(after)) if is_coming else None)


def _is_near(plan: Plan, now: datetime) -> bool:
    """Whether a reminder would follow at once, which nobody needs who has just planned it."""
    return plan.starts_at - REMINDER <= now


def _require_start(plan: Plan, now: datetime) -> None:
    if not now < plan.starts_at <= now + _FURTHEST:
        error = FieldError("starts", "must be after now, and within a year")
        raise Rejected("visit_invalid", "this visit cannot be planned: see errors", (error,))


def _next(visit: Visit, **changed: Any) -> Visit:
    return _scheduled(replace(visit, version=visit.version + 1, **changed))


def _scheduled(visit: Visit) -> Visit:
    return replace(visit, due_at=_due_at(visit))


def _due_at(visit: Visit) -> datetime | None:
    if visit.state != "planned":
        return visit.ends_at + CONTACT_KEPT if visit.plan.contact else None
    return visit.ends_at + ANSWER_TIME if visit.reminded else visit.plan.starts_at - REMINDER


def _about(visit: Visit) -> dict[str, Any]:
    return {
        "visit": visit.id,
        "visitor": visit.visitor.as_recipient,
        "starts_at": visit.plan.starts_at,
        "minutes": visit.plan.minutes,
    }
