"""A mentorship from its introduction to its end. Pure decisions; all times are instants in UTC.

It begins as an introduction, which either of the two may leave without a reason. A signed agreement makes it active;
without one in time it ends. While it is paused no clock runs: each due time moves by the length of the pause.

Two people who have not met for twice the agreed interval are reminded once, and asked two weeks later; after two more
weeks without an answer the mentorship lapses. Each step is counted from the one before it, so that an outage skips no
notice.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import Decided, OfPair, Pair, Side
from shared.contracts.matching import MEMBER_MOVED
from shared.contracts.mentorships import (
    IntroductionEnding,
    MentorshipActivated,
    MentorshipBegan,
    MentorshipContinued,
    MentorshipEnded,
    MentorshipPaused,
    MentorshipQuestioned,
    MentorshipResumed,
    MentorshipReturnDue,
    MentorshipSilent,
    PeriodEnding,
    ReturnPlanned,
)
from shared.contracts.payload import Recipient
from shared.errors import FieldError, Rejected

State = Literal["introduction", "introduction_paused", "active", "paused", "ended"]
EndReason = Literal["introduction_left", "introduction_over", "lapsed", "period_over"]
"""Why this service ends a mentorship; matching's reasons for closing a relationship are others."""
Notice = Literal["reminded", "asked"]
MACHINE = StateMachine(
    name="mentorship",
    initial=("introduction", "active"),
    moves={
        "agree": {"introduction": "active", "introduction_paused": "paused", "active": "active", "paused": "paused"},
        "leave": {"introduction": "ended", "introduction_paused": "ended"},
        "pause": {"introduction": "introduction_paused", "active": "paused"},
        "plan_return": {"introduction_paused": "introduction_paused", "paused": "paused"},
        "resume": {"introduction_paused": "introduction", "paused": "active"},
        "meet": {"introduction": "introduction", "active": "active"},
        "go_on": {"active": "active"},
        "run_out": {"introduction": "ended", "active": "ended"},
        "close": {"introduction": "ended", "introduction_paused": "ended", "active": "ended", "paused": "ended"},
    },
)
"""`run_out` is time's: an introduction, an agreed period or a silent mentorship that is over. `pause`, `resume` and
`close` follow matching's relationship."""
Possible = Literal["leave", "go_on", "plan_return", "pause", "resume", "close"]
NOTICE = timedelta(days=7)
"""An introduction never ends without a notice this long before."""
PERIOD_NOTICE = timedelta(days=30)
SILENT_INTERVALS = 2
ANSWER_TIME = timedelta(days=14)
DEFAULT_INTERVAL = timedelta(days=30)
_LONGEST_PAUSE = timedelta(days=732)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentorship(OfPair):
    id: str
    pair: Pair
    state: State
    version: int = 1
    began_at: datetime
    introduction_ends_at: datetime | None = None
    introduction_notice_at: datetime | None = None
    """When both were reminded that the introduction ends."""
    activated_at: datetime | None = None
    ends_at: datetime | None = None
    """When the agreed period ends; None without a limit."""
    period_notice_at: datetime | None = None
    interval_days: int = DEFAULT_INTERVAL.days
    """How often the two agreed to meet."""
    first_met_at: datetime | None = None
    last_met_at: datetime | None = None
    silence_from: datetime
    """The silence counts from here: the last meeting, activation, answer or return."""
    silence: Notice | None = None
    silence_step_at: datetime | None = None
    """When the last step of the silence rule was taken."""
    paused_at: datetime | None = None
    pause_reason: str | None = None
    returns_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    continues: str | None = None
    """The mentorship before one of the two moved to another institution."""
    continued_in: tuple[str, ...] = ()
    """The institutions of the mentorship that continues this one."""
    due_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state != "ended"

    @property
    def is_paused(self) -> bool:
        return self.state in ("introduction_paused", "paused")

    @property
    def is_introduction(self) -> bool:
        """Whether no agreement has been in force yet."""
        return self.activated_at is None and self.introduction_ends_at is not None


def possible(mentorship: Mentorship) -> tuple[Possible, ...]:
    """What either of the two people can do; `pause`, `resume` and `close` in matching. After the end, nothing."""
    allowed = (command for command in get_args(Possible) if MACHINE.allows(mentorship.state, command))
    return tuple(command for command in allowed if command != "go_on" or mentorship.silence is not None)


def begin(pair: Pair, *, id: str, introduction_days: int, opened_at: datetime, now: datetime) -> Decided[Mentorship]:
    """Without an introduction it is active at once, as is one whose introduction would be over already: its
    relationship is older than this service's knowledge of it.
    """
    ends_at = opened_at + timedelta(days=introduction_days)
    has_introduction = ends_at > now
    new = Mentorship(
        id=id,
        pair=pair,
        state="introduction" if has_introduction else "active",
        began_at=opened_at,
        introduction_ends_at=ends_at if has_introduction else None,
        activated_at=None if has_introduction else now,
        silence_from=now,
    )
    event = MentorshipBegan(
        introduction_ends_at=new.introduction_ends_at, recipients=pair.both if has_introduction else (), **_about(new)
    )
    return Decided(state=_scheduled(new), event=event)


def agree(
    mentorship: Mentorship, *, ends_at: datetime | None, interval_days: int, now: datetime
) -> Decided[Mentorship]:
    """An agreement is in force: both signed the same version. Both are notified by the agreement's own event."""
    state = MACHINE.after(mentorship.state, "agree")
    after = _next(
        mentorship,
        state=state,
        activated_at=mentorship.activated_at or now,
        ends_at=ends_at,
        period_notice_at=None,
        interval_days=interval_days,
        **_without_silence(now),
    )
    return Decided(state=after, event=MentorshipActivated(ends_at=ends_at, **_about(after)))


def leave(mentorship: Mentorship, *, now: datetime) -> Decided[Mentorship]:
    """Ends the introduction without fault. The event does not say which of the two left."""
    MACHINE.after(mentorship.state, "leave")
    return _ended(mentorship, reason="introduction_left", recipients=mentorship.pair.both, now=now)


def pause(mentorship: Mentorship, *, reason: str, now: datetime) -> Decided[Mentorship] | None:
    """Follows a paused relationship; None where the mentorship cannot be paused any more or is already."""
    if not MACHINE.allows(mentorship.state, "pause"):
        return None
    after = _next(
        mentorship, state=MACHINE.after(mentorship.state, "pause"), paused_at=now, pause_reason=reason, returns_at=None
    )
    return Decided(state=after, event=MentorshipPaused(reason=reason, **_about(after)))


def plan_return(
    mentorship: Mentorship, *, returns_at: datetime | None, by: Side, now: datetime
) -> Decided[Mentorship] | None:
    """Sets or clears when the pause ends; the other person is notified."""
    MACHINE.after(mentorship.state, "plan_return")
    if returns_at == mentorship.returns_at:
        return None
    if returns_at is not None and not now < returns_at <= now + _LONGEST_PAUSE:
        raise Rejected(
            "return_invalid",
            "the return was not saved: see errors",
            (FieldError("returns_on", "must be a date after today, and within two years"),),
        )
    after = _next(mentorship, returns_at=returns_at)
    other = (mentorship.pair.across(by).as_recipient,)
    return Decided(state=after, event=ReturnPlanned(returns_at=returns_at, recipients=other, **_about(after)))


def resume(mentorship: Mentorship, *, now: datetime) -> Decided[Mentorship] | None:
    """Follows a resumed relationship: every clock continues where it stopped."""
    if not MACHINE.allows(mentorship.state, "resume") or mentorship.paused_at is None:
        return None
    stopped = now - mentorship.paused_at
    after = _next(
        mentorship,
        state=MACHINE.after(mentorship.state, "resume"),
        introduction_ends_at=_moved(mentorship.introduction_ends_at, stopped),
        ends_at=_moved(mentorship.ends_at, stopped),
        paused_at=None,
        pause_reason=None,
        returns_at=None,
        **_without_silence(now),
    )
    return Decided(state=after, event=MentorshipResumed(**_about(after)))


def meet(mentorship: Mentorship, *, met_at: datetime) -> Decided[Mentorship] | None:
    """A meeting was held: it ends a silence. None for one that is older than what is known, or after the end."""
    if not MACHINE.allows(mentorship.state, "meet"):
        return None
    if mentorship.last_met_at is not None and met_at <= mentorship.last_met_at:
        return None
    first = mentorship.first_met_at or met_at
    since = max(met_at, mentorship.silence_from)
    after = _next(mentorship, first_met_at=first, last_met_at=met_at, **_without_silence(since))
    return Decided(state=after)


def go_on(mentorship: Mentorship, *, by: Side, now: datetime) -> Decided[Mentorship] | None:
    """The answer to the question after a silence. None where nothing was asked."""
    MACHINE.after(mentorship.state, "go_on")
    if mentorship.silence is None:
        return None
    after = _next(mentorship, **_without_silence(now))
    other = (mentorship.pair.across(by).as_recipient,)
    return Decided(state=after, event=MentorshipContinued(recipients=other, **_about(after)))


def close(
    mentorship: Mentorship, *, reason: str, already_notified: tuple[Recipient, ...], now: datetime
) -> Decided[Mentorship] | None:
    """Follows a closed relationship. Who was not notified by its event gets the farewell of this one."""
    if not MACHINE.allows(mentorship.state, "close"):
        return None
    rest = tuple(person for person in mentorship.pair.both if person not in already_notified)
    return _ended(mentorship, reason=reason, recipients=rest, now=now)


def continue_elsewhere(
    mentorship: Mentorship, pair: Pair, *, id: str, now: datetime
) -> tuple[Decided[Mentorship], Decided[Mentorship]] | None:
    """Ends the mentorship of a member who moved to another institution, and begins the one that continues it, in the
    same state and with the same clocks. A pause because somebody was inactive is over. matching notifies both. None
    for one that has ended.
    """
    if not MACHINE.allows(mentorship.state, "close"):
        return None
    ended = _ended(mentorship, reason=MEMBER_MOVED, recipients=(), now=now)
    new = _scheduled(replace(mentorship, id=id, pair=pair, version=1, continues=mentorship.id))
    if new.is_paused and not (new.pause_reason or "").startswith("by_"):
        resumed = resume(new, now=now)
        new = replace(resumed.state, version=1) if resumed is not None else new
    event = MentorshipBegan(introduction_ends_at=new.introduction_ends_at, **_about(new))
    return replace(ended, state=replace(ended.state, continued_in=pair.institutions)), Decided(state=new, event=event)


def pass_time(mentorship: Mentorship, now: datetime) -> Decided[Mentorship] | None:
    """The next step that is due; None where none is."""
    if mentorship.due_at is None or mentorship.due_at > now:
        return None
    if mentorship.is_paused:
        after = _next(mentorship, returns_at=None)
        return Decided(state=after, event=MentorshipReturnDue(recipients=after.pair.both, **_about(after)))
    if mentorship.state == "introduction":
        return _pass_introduction(mentorship, now)
    if mentorship.ends_at is not None and mentorship.due_at == _period_due(mentorship):
        return _pass_period(mentorship, now)
    return _pass_silence(mentorship, now)


def _pass_introduction(mentorship: Mentorship, now: datetime) -> Decided[Mentorship]:
    ends_at = mentorship.introduction_ends_at
    assert ends_at is not None  # noqa: S101 -- an introduction has an end
    if mentorship.introduction_notice_at is not None:
        return _ended(mentorship, reason="introduction_over", recipients=mentorship.pair.both, now=now)
    ends_at = max(ends_at, now + NOTICE)
    after = _next(mentorship, introduction_ends_at=ends_at, introduction_notice_at=now)
    return Decided(state=after, event=IntroductionEnding(ends_at=ends_at, recipients=after.pair.both, **_about(after)))


def _pass_period(mentorship: Mentorship, now: datetime) -> Decided[Mentorship]:
    ends_at = mentorship.ends_at
    assert ends_at is not None  # noqa: S101 -- the caller's condition
    if mentorship.period_notice_at is not None:
        return _ended(mentorship, reason="period_over", recipients=mentorship.pair.both, now=now)
    ends_at = max(ends_at, now + NOTICE)
    after = _next(mentorship, ends_at=ends_at, period_notice_at=now)
    return Decided(state=after, event=PeriodEnding(ends_at=ends_at, recipients=after.pair.both, **_about(after)))


def _pass_silence(mentorship: Mentorship, now: datetime) -> Decided[Mentorship]:
    if mentorship.silence == "asked":
        return _ended(mentorship, reason="lapsed", recipients=mentorship.pair.both, now=now)
    notice: Notice = "reminded" if mentorship.silence is None else "asked"
    after = _next(mentorship, silence=notice, silence_step_at=now)
    kind: dict[str, Any] = {"recipients": after.pair.both, **_about(after)}
    next_step = now + ANSWER_TIME
    event = (
        MentorshipSilent(asked_at=next_step, **kind)
        if notice == "reminded"
        else MentorshipQuestioned(lapses_at=next_step, **kind)
    )
    return Decided(state=after, event=event)


def _ended(
    mentorship: Mentorship, *, reason: str, recipients: tuple[Recipient, ...], now: datetime
) -> Decided[Mentorship]:
    after = _next(mentorship, state="ended", ended_at=now, reason=reason, returns_at=None)
    event = MentorshipEnded(
        reason=reason, was_introduction=mentorship.is_introduction, recipients=recipients, **_about(after)
    )
    return Decided(state=after, event=event)


def _without_silence(at: datetime) -> dict[str, Any]:
    """The silence counts again from here."""
    return {"silence_from": at, "silence": None, "silence_step_at": None}


def _moved(moment: datetime | None, by: timedelta) -> datetime | None:
    return None if moment is None else moment + by


def _next(mentorship: Mentorship, **changed: Any) -> Mentorship:
    return _scheduled(replace(mentorship, version=mentorship.version + 1, **changed))


def _scheduled(mentorship: Mentorship) -> Mentorship:
    return replace(mentorship, due_at=_due_at(mentorship))


def _due_at(mentorship: Mentorship) -> datetime | None:
    if not mentorship.is_open:
        return None
    if mentorship.is_paused:
        return mentorship.returns_at
    if mentorship.state == "introduction":
        return _noticed(mentorship.introduction_ends_at, mentorship.introduction_notice_at, NOTICE)
    return min(moment for moment in (_period_due(mentorship), _silence_due(mentorship)) if moment is not None)


def _period_due(mentorship: Mentorship) -> datetime | None:
    return _noticed(mentorship.ends_at, mentorship.period_notice_at, PERIOD_NOTICE)


def _silence_due(mentorship: Mentorship) -> datetime:
    if mentorship.silence_step_at is not None:
        return mentorship.silence_step_at + ANSWER_TIME
    return mentorship.silence_from + SILENT_INTERVALS * timedelta(days=mentorship.interval_days)


def _noticed(ends_at: datetime | None, notice_at: datetime | None, before: timedelta) -> datetime | None:
    if ends_at is None:
        return None
    return ends_at - before if notice_at is None else ends_at


def _about(mentorship: Mentorship) -> dict[str, Any]:
    pair = mentorship.pair
    return {
        "mentorship": mentorship.id,
        "programme": pair.programme,
        "mentee": pair.mentee.as_recipient,
        "mentor": pair.mentor.as_recipient,
    }
