"""Every decision of mentorships whose event notifies somebody, by both sides and with every reason, for unit tests."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

from services.matching.mentoring.domain.relationships import ClosingReason
from services.mentorships.agreements.domain import agreements
from services.mentorships.agreements.domain.states import Agreement
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.checkins import domain as checkins
from services.mentorships.flash import domain as flash
from services.mentorships.goals import domain as goals
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.meetings.domain import series
from services.mentorships.meetings.domain.states import DutyReason, Outcome
from services.mentorships.meetings.domain.zones import LOCAL
from services.mentorships.messages import domain as messages
from tests.unit.mentorships_flash import FREE, booked, offered
from tests.unit.mentorships_meetings import FIRST, agreed, on_duty, plan
from tests.unit.mentorships_people import DAY, GOING_ON, MIA, NOW, PAIR, active, introduction, paused

SIDES: tuple[Side, Side] = ("mentee", "mentor")
AnyDecided = Decided[Any] | None


def of_lifecycle() -> Iterator[AnyDecided]:
    begun = lifecycle.begin(PAIR, id="m", introduction_days=30, opened_at=NOW, now=NOW)
    yield from (begun, lifecycle.leave(begun.state, now=NOW), *_passed(begun.state))
    silent = list(_passed(active()))
    yield from (*silent, *_passed(active(ends_at=NOW + 30 * DAY, interval_days=60)))
    planned = lifecycle.plan_return(paused(introduction()), returns_at=NOW + DAY, by="mentee", now=NOW)
    assert planned is not None
    yield from _passed(planned.state)
    for side in SIDES:
        yield lifecycle.plan_return(paused(active()), returns_at=NOW + DAY, by=side, now=NOW)
        yield lifecycle.go_on(silent[0].state, by=side, now=NOW)
        yield from (_closed(side, reason) for reason in get_args(ClosingReason))
    yield _closed("mentee", "repaired")  # matching notifies the mentor of the repair


def of_goals() -> Iterator[AnyDecided]:
    fields: Any = {"title": "Publish", "description": "", "is_shared": True}
    own = goals.set_goal(PAIR, mentorship="m", id="g", **{**fields, "is_shared": False}, now=NOW)
    shared = goals.set_goal(PAIR, mentorship="m", id="g", **fields, now=NOW)
    yield from (own, shared, goals.change(own.state, by="mentee", **fields))
    yield goals.change(shared.state, by="mentee", **{**fields, "title": "Publish two"})
    for command in ("complete", "drop"):
        ended = goals.move(shared.state, by="mentee", command=command, now=NOW)
        yield from (ended, goals.move(ended.state, by="mentee", command="reopen", now=NOW))
    for side in SIDES:
        yield goals.comment(shared.state, id="c", by=side, text="Begun.", audience="pair", pair=GOING_ON, now=NOW)


def of_flash_slots() -> Iterator[AnyDecided]:
    slot = booked()
    yield flash.book(offered().state, MIA, FREE, question="", now=NOW)
    yield flash.pass_time(slot, slot.starts_at - DAY)
    for side in SIDES:
        yield flash.cancel(slot, by=side, now=NOW)
        yield flash.pass_time(replace(slot, left=side, due_at=NOW), NOW)
        for outcome in get_args(flash.Outcome):
            yield flash.record(slot, outcome, by=side, now=slot.ends_at)


def of_agreements() -> Iterator[AnyDecided]:
    for side in SIDES:
        template = AgreementTemplate(programme=PAIR.programme, institution="north").translated("en")
        new = Agreement(id="a", mentorship="m", pair=PAIR)
        drafted = agreements.draft(new, introduction(), template, principles="", by=side, now=NOW)
        signed = agreements.sign(drafted.agreement.state, introduction(), number=1, by=side, now=NOW)
        assert signed is not None
        other: Side = "mentor" if side == "mentee" else "mentee"
        in_force = agreements.sign(signed.agreement.state, introduction(), number=1, by=other, now=NOW)
        assert in_force is not None
        withdrawn = agreements.withdraw(drafted.agreement.state, introduction(), number=1, by=side, now=NOW)
        assert withdrawn is not None
        yield from (drafted.agreement, signed.agreement, in_force.agreement, withdrawn.agreement)
        yield agreements.pass_time(in_force.agreement.state, NOW + 400 * DAY)


def of_meetings() -> Iterator[AnyDecided]:
    meeting, known = FIRST.strftime(LOCAL), agreed()
    for side in SIDES:
        other: Side = "mentor" if side == "mentee" else "mentee"
        proposed = series.propose(plan(), id="s", mentorship="m", pair=PAIR, by=side, now=NOW)
        change = series.counter(known, plan(minutes=60), by=side, now=NOW)
        yield from (proposed, change, series.agree(proposed.state, by=other, now=NOW))
        yield from (series.decline(decided.state, by=other, now=NOW) for decided in (proposed, change))
        yield series.move(known, meeting, starts=FIRST + DAY, now=NOW)
        yield series.cancel_one(known, meeting, now=NOW)
        yield from (
            series.record(known, meeting, outcome, by=side, now=NOW + 60 * DAY) for outcome in get_args(Outcome)
        )
        yield series.cancel(known, by=side, now=NOW)
    yield series.end(known, goes_on=False, now=NOW)
    yield series.end(known, goes_on=True, now=NOW)
    yield from (series.pass_time(known, NOW + days * DAY) for days in (32, 45))


def of_check_ins() -> Iterator[AnyDecided]:
    opened = checkins.finish(checkins.start(PAIR, mentorship="m", now=NOW).state, now=NOW)
    yield opened
    for side in SIDES:
        given = checkins.Answer(by=side, at=NOW, ratings=(4, 4, 4, 4, 4), is_joint=True)
        yield checkins.answer(opened.state, period="end", given=given)


def of_duties() -> Iterator[AnyDecided]:
    for reason in get_args(DutyReason):
        yield series.respect_duties(agreed(), {"mentor": [on_duty(reason=reason)]}, now=NOW)


def of_messages() -> Iterator[AnyDecided]:
    thread = messages.Thread(pair=PAIR, is_open=True, blocked_by=(), messages=0)
    for side in SIDES:
        yield messages.send(thread, mentorship="m", id="x", by=side, text="Hello", now=NOW)


def _passed(mentorship: Mentorship) -> Iterator[Decided[Mentorship]]:
    """What time does until nothing is due."""
    while mentorship.due_at is not None:
        decided = lifecycle.pass_time(mentorship, mentorship.due_at)
        assert decided is not None
        yield decided
        mentorship = decided.state


def _closed(by: Side, reason: str) -> AnyDecided:
    """As matching closes a relationship: it notifies the other person."""
    return lifecycle.close(active(), reason=reason, already_notified=(PAIR.across(by).as_recipient,), now=NOW)
