"""Check-ins of a mentorship, 30, 90 and 180 days after its agreement and at its end. Pure decisions.

Each of the two answers five statements and may add a comment. The mentee's are five of the mentor's behaviours in the
Mentorship Effectiveness Scale (Berk et al., Academic Medicine 2005; 80:66-71), in words of ours and on five points
instead of six: comparable within this network, and not with published values.

A coordinator sees totals only, over the first 5, 10, 15, … answers: a single new answer changes none of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from services.mentorships.kernel.pairs import Decided, OfPair, Pair, Side
from shared.contracts.mentorships import CheckInAnswered, CheckInOpened
from shared.errors import Conflict, NotFound

Period = Literal["day_30", "day_90", "day_180", "end"]
Rating = Literal[1, 2, 3, 4, 5]
RATINGS: tuple[Rating, ...] = get_args(Rating)
STATEMENTS: Mapping[Side, tuple[str, ...]] = {
    "mentee": ("accessible", "encouraging", "constructive", "guiding", "challenging"),
    "mentor": ("prepared", "open", "reliable", "progressing", "rewarding"),
}
"""By side: the codes of its five statements, in order. The mentor's are ours."""
DAYS: Mapping[Period, int] = {"day_30": 30, "day_90": 90, "day_180": 180}
CORRECTABLE = timedelta(days=14)
LEAST_ANSWERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    by: Side
    at: datetime
    ratings: tuple[Rating, ...]
    """One for each statement of the side, in their order."""
    comment: str = ""
    is_joint: bool = False
    """Whether the other person reads it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    period: Period
    opened_at: datetime
    answers: tuple[Answer, ...] = ()

    def correctable_until(self, side: Side) -> datetime | None:
        """None where this side has not answered."""
        given = self.answer_of(side)
        return given.at + CORRECTABLE if given is not None else None

    def answer_of(self, side: Side) -> Answer | None:
        return next((answer for answer in self.answers if answer.by == side), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIns(OfPair):
    """All check-ins of one mentorship."""

    id: str
    mentorship: str
    pair: Pair
    version: int = 1
    started_at: datetime
    """Days count from here. A pause moves it by its length."""
    paused_at: datetime | None = None
    is_over: bool = False
    opened: tuple[CheckIn, ...] = ()
    due_at: datetime | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(answer for known in self.opened for answer in known.answers)

    def check_in(self, period: Period) -> CheckIn:
        for known in self.opened:
            if known.period == period:
                return known
        raise NotFound("check_in_not_found", "this check-in is not open yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The answers of one side to one statement."""

    period: Period
    by: Side
    statement: str
    answers: int
    mean: float
    """From 1 to 5, to one decimal."""


def id_of(mentorship: str) -> str:
    return f"{mentorship}.check-ins"


def start(pair: Pair, *, mentorship: str, now: datetime) -> Decided[CheckIns]:
    return Decided(state=_scheduled(CheckIns(id=id_of(mentorship), mentorship=mentorship, pair=pair, started_at=now)))


def continue_elsewhere(check_ins: CheckIns, pair: Pair, *, mentorship: str, now: datetime) -> CheckIns:
    """For the mentorship that continues this one's: what was opened is not opened again. Answers stay where they were
    given. A pause counts until now.
    """
    paused = now - check_ins.paused_at if check_ins.paused_at is not None else timedelta()
    return _scheduled(
        replace(
            check_ins,
            id=id_of(mentorship),
            mentorship=mentorship,
            pair=pair,
            started_at=check_ins.started_at + paused,
            paused_at=None,
            opened=tuple(replace(known, answers=()) for known in check_ins.opened),
        )
    )


def end_elsewhere(check_ins: CheckIns) -> Decided[CheckIns]:
    """The mentorship continues as another one: nothing is asked at this end."""
    return Decided(state=_next(check_ins, is_over=True, paused_at=None))


def pause(check_ins: CheckIns, *, now: datetime) -> Decided[CheckIns]:
    return Decided(state=_next(check_ins, paused_at=now))


def resume(check_ins: CheckIns, *, now: datetime) -> Decided[CheckIns] | None:
    if check_ins.paused_at is None:
        return None
    stopped = now - check_ins.paused_at
    return Decided(state=_next(check_ins, paused_at=None, started_at=check_ins.started_at + stopped))


def finish(check_ins: CheckIns, *, now: datetime) -> Decided[CheckIns]:
    """At the end of the mentorship: the last check-in opens, and no other follows."""
    return _open(replace(check_ins, is_over=True, paused_at=None), "end", now=now)


def pass_time(check_ins: CheckIns, now: datetime) -> Decided[CheckIns] | None:
    """Opens the latest check-in that is due, and leaves out earlier ones: after an outage people are asked once."""
    due = [period for period in _remaining(check_ins) if _opens_at(check_ins, period) <= now]
    if check_ins.due_at is None or not due:
        return None
    return _open(check_ins, due[-1], now=now)


def answer(check_ins: CheckIns, *, period: Period, given: Answer) -> Decided[CheckIns] | None:
    """The first answer notifies the other person only if it is a joint one. Raises `Conflict` once it is too late to
    correct an answer.
    """
    check_in = check_ins.check_in(period)
    known = check_in.answer_of(given.by)
    if known is not None:
        if replace(given, at=known.at) == known:
            return None
        if given.at > known.at + CORRECTABLE:
            raise Conflict("answer_final", f"an answer can be corrected for {CORRECTABLE.days} days")
        given = replace(given, at=known.at)
    others = tuple(other for other in check_in.answers if other.by != given.by)
    answered = replace(check_in, answers=(*others, given))
    opened = tuple(answered if other.period == period else other for other in check_ins.opened)
    after = _next(check_ins, opened=opened)
    recipients = (after.pair.across(given.by).as_recipient,) if given.is_joint and known is None else ()
    event = CheckInAnswered(period=period, by=given.by, recipients=recipients, **_about(after))
    return Decided(state=after, event=event)


def totals(answered: Sequence[tuple[Period, Answer]]) -> list[Total]:
    """By period, side and statement. `answered`: of one programme and institution, the earliest first."""
    groups: dict[tuple[Period, Side], list[Answer]] = {}
    for period, given in answered:
        groups.setdefault((period, given.by), []).append(given)
    return [
        Total(period=period, by=by, statement=statement, answers=len(counted), mean=_mean(counted, place))
        for (period, by), all_ in sorted(groups.items())
        if (counted := all_[: len(all_) // LEAST_ANSWERS * LEAST_ANSWERS])
        for place, statement in enumerate(STATEMENTS[by])
    ]


def _mean(answers: Sequence[Answer], place: int) -> float:
    return round(sum(answer.ratings[place] for answer in answers) / len(answers), 1)


def _remaining(check_ins: CheckIns) -> list[Period]:
    """Those after the latest that was opened."""
    if check_ins.is_over or check_ins.paused_at is not None:
        return []
    latest = max((DAYS.get(known.period, 0) for known in check_ins.opened), default=0)
    return [period for period, days in DAYS.items() if days > latest]


def _opens_at(check_ins: CheckIns, period: Period) -> datetime:
    return check_ins.started_at + timedelta(days=DAYS[period])


def _open(check_ins: CheckIns, period: Period, *, now: datetime) -> Decided[CheckIns]:
    after = _next(check_ins, opened=(*check_ins.opened, CheckIn(period=period, opened_at=now)))
    return Decided(state=after, event=CheckInOpened(period=period, recipients=after.pair.both, **_about(after)))


def _next(check_ins: CheckIns, **changed: Any) -> CheckIns:
    return _scheduled(replace(check_ins, version=check_ins.version + 1, **changed))


def _scheduled(check_ins: CheckIns) -> CheckIns:
    remaining = _remaining(check_ins)
    return replace(check_ins, due_at=_opens_at(check_ins, remaining[0]) if remaining else None)


def _about(check_ins: CheckIns) -> dict[str, Any]:
    pair = check_ins.pair
    return {
        "mentorship": check_ins.mentorship,
        "check_ins": check_ins.id,
        "programme": pair.programme,
        "mentee": pair.mentee.as_recipient,
        "mentor": pair.mentor.as_recipient,
    }
