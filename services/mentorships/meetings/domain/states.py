"""The state of a meeting series, and which command moves it where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import OfPair, Pair, Side
from services.mentorships.meetings.domain.plans import Plan
from shared.errors import Conflict

State = Literal["proposed", "proposed_suspended", "agreed", "suspended", "cancelled"]
Outcome = Literal["held", "missed"]
DutyReason = Literal["shift", "after_night"]
"""`after_night`: a night duty, or the rest after it."""
MACHINE = StateMachine(
    name="meeting_series",
    initial=("proposed",),
    moves={
        "counter": {"proposed": "proposed", "agreed": "agreed"},
        "agree": {"proposed": "agreed", "agreed": "agreed"},
        "decline": {"proposed": "cancelled", "agreed": "agreed"},
        "change_one": {"agreed": "agreed"},
        "record": {"agreed": "agreed", "suspended": "suspended"},
        "suspend": {"proposed": "proposed_suspended", "agreed": "suspended"},
        "resume": {"proposed_suspended": "proposed", "suspended": "agreed"},
        "cancel": {
            "proposed": "cancelled",
            "proposed_suspended": "cancelled",
            "agreed": "cancelled",
            "suspended": "cancelled",
        },
    },
)
"""`suspend` and `resume` follow the mentorship."""
Possible = Literal["counter", "agree", "decline", "change_one", "record", "cancel"]
REMINDER = timedelta(hours=24)
"""How long before a meeting both are reminded."""
ANSWER_TIME = timedelta(days=7)
"""How long after a meeting somebody is expected to say whether it was held."""

SHOWN_AFTER_END = timedelta(days=90)
"""How long a cancelled series stays in calendars, so that each of them reads of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    plan: Plan
    by: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMeeting:
    starts_at: datetime
    minutes: int
    """As planned when it was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Why a meeting is left out, for both people."""

    side: Side
    """Who is on duty."""
    reason: DutyReason
    instead: str | None
    """The next local time that suits both; None where there is none within three weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series(OfPair):
    id: str
    mentorship: str
    pair: Pair
    state: State = "proposed"
    version: int = 1
    sequence: int = 0
    """The SEQUENCE of calendars: rises with each change that they show."""
    proposal: Proposal | None = None
    plan: Plan | None = None
    """What both agreed on."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """Single meetings that were moved or cancelled (`occurrences.Changes`)."""
    skips: Mapping[str, Skip] = field(default_factory=dict)
    """Meetings that a duty leaves out, by id; in `changes` they are cancelled."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """By id of an occurrence."""
    unknown: tuple[str, ...] = ()
    """Ids of the meetings whose week for an answer ended without one; an outcome may have come later."""
    held: tuple[HeldMeeting, ...] = ()
    """Stays as it is when a later plan has other lengths."""
    reminded: tuple[str, ...] = ()
    """Coming meetings whose reminder is sent, or not needed."""
    settled_to: datetime
    """Meetings that began until then had their week for an answer."""
    suspended_at: datetime | None = None
    changed_at: datetime
    """When the calendar last changed."""
    reason: str | None = None
    due_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state != "cancelled"

    def possible(self, side: Side) -> tuple[Possible, ...]:
        """What this side can do."""
        allowed = {command for command in get_args(Possible) if MACHINE.allows(self.state, command)}
        if self.proposal is None:
            allowed -= {"agree", "decline"}
        elif self.proposal.by == side:
            allowed -= {"agree"}
        return tuple(command for command in get_args(Possible) if command in allowed)

    @property
    def in_force(self) -> Plan:
        """Raises `Conflict` before the first agreement."""
        if self.plan is None:
            raise Conflict("meeting_series_not_agreed", "these meetings are not agreed yet")
        return self.plan
