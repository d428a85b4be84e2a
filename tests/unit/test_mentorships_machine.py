"""Both people, a coordinator and the clock, in any order: what holds of a mentorship after every step.

Time works in the way of the due worker: one step of each aggregate that is due, until none is.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.matching.mentoring.domain.relationships import ClosingReason
from services.mentorships.agreements.domain import agreements
from services.mentorships.agreements.domain.states import Agreement
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.flash import domain as flash
from services.mentorships.goals import domain as goals
from services.mentorships.goals.domain import Audience, Goal, OpenPair
from services.mentorships.kernel.pairs import SIDES, Decided, Side
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.api import mentorship_read
from services.mentorships.lifecycle.usecases import Seen
from services.mentorships.meetings.domain import occurrences, series
from services.mentorships.meetings.domain.plans import Plan, Wanted, plan
from services.mentorships.meetings.domain.states import Outcome, Series
from services.mentorships.meetings.domain.zones import local_time
from shared.contracts.meetings import MeetingReminded
from shared.contracts.mentorships import (
    AgreementReviewDue,
    IntroductionEnding,
    MentorshipEnded,
    MentorshipQuestioned,
    MentorshipSilent,
    PeriodEnding,
)
from shared.contracts.short_formats import FlashReminded
from shared.errors import DomainError
from tests.unit.mentorships_flash import FREE, template, window
from tests.unit.mentorships_meetings import on_duty
from tests.unit.mentorships_people import DAY, NOW, PAIR

OTHER: dict[Side, Side] = {"mentee": "mentor", "mentor": "mentee"}
sides = st.sampled_from(SIDES)
SECRET = "secret"


class Course(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        begun = lifecycle.begin(PAIR, id="m", introduction_days=30, opened_at=NOW, now=NOW)
        self.mentorship = begun.state
        self.agreement = Agreement(id="m.agreement", mentorship="m", pair=PAIR)
        self.series: dict[str, Series] = {}
        self.goals: dict[str, Goal] = {}
        self.slot = flash.offer(window(), template(), FREE, now=NOW)[0].state
        self.reminders: Counter[tuple[Any, ...]] = Counter()
        self.seats_freed = 0
        self.blocked_by: tuple[Side, ...] = ()
        self._written = 0

    # -- what any step does --------------------------------------------------------------------------------------

    def decided(self, before: Any, act: Callable[[], Decided[Any] | None]) -> Any:
        """The state after a command: unchanged if it is refused or changes nothing."""
        try:
            decision = act()
        except DomainError:
            return before
        if decision is None:
            return before
        assert decision.state.version == before.version + 1
        self.published(decision.event)
        return decision.state

    def published(self, event: Any) -> None:
        if event is None:
            return
        assert SECRET not in event.model_dump_json()
        if isinstance(event, MentorshipEnded):
            self.seats_freed += 1
        matter = _matter(event)
        if matter is not None:
            self.reminders[matter] += 1

    def text(self) -> str:
        self._written += 1
        return f"{SECRET} {self._written}"

    def change_mentorship(self, act: Callable[[], Decided[Any] | None]) -> None:
        self.mentorship = self.decided(self.mentorship, act)
        self.agreement = self.decided(self.agreement, lambda: agreements.follow(self.agreement, self.mentorship))
        for id, known in self.series.items():
            self.series[id] = self.decided(known, lambda known=known: self._followed(known))

    def _followed(self, known: Series) -> Decided[Series] | None:
        if not self.mentorship.is_open:
            return series.end(known, goes_on=False, now=self.now)
        follow = series.suspend if self.mentorship.is_paused else series.resume
        return follow(known, now=self.now)

    # -- the two people ------------------------------------------------------------------------------------------

    @rule()
    def leave(self) -> None:
        self.change_mentorship(lambda: lifecycle.leave(self.mentorship, now=self.now))

    @rule(by=sides)
    def pause(self, by: Side) -> None:
        self.change_mentorship(lambda: lifecycle.pause(self.mentorship, reason=f"by_{by}", now=self.now))

    @rule(by=sides, days=st.integers(1, 60))
    def plan_return(self, by: Side, days: int) -> None:
        returns_at = self.now + days * DAY
        self.change_mentorship(
            lambda: lifecycle.plan_return(self.mentorship, returns_at=returns_at, by=by, now=self.now)
        )

    @rule()
    def resume(self) -> None:
        self.change_mentorship(lambda: lifecycle.resume(self.mentorship, now=self.now))

    @rule(by=sides)
    def go_on(self, by: Side) -> None:
        self.change_mentorship(lambda: lifecycle.go_on(self.mentorship, by=by, now=self.now))

    @rule(reason=st.sampled_from(get_args(ClosingReason)))
    @precondition(lambda self: self.now > NOW + 90 * DAY)
    def close(self, reason: str) -> None:
        self.change_mentorship(
            lambda: lifecycle.close(self.mentorship, reason=reason, already_notified=(), now=self.now)
        )

    @rule(by=sides)
    def draft(self, by: Side) -> None:
        texts = AgreementTemplate(programme=PAIR.programme, institution="north").translated("en")
        self.agreement = self.decided(
            self.agreement,
            lambda: (
                agreements.draft(
                    self.agreement, self.mentorship, texts, principles=self.text(), by=by, now=self.now
                ).agreement
            ),
        )

    @rule(by=sides)
    def sign(self, by: Side) -> None:
        newest = self.agreement.newest
        if newest is None:
            return
        try:
            signed = agreements.sign(self.agreement, self.mentorship, number=newest.number, by=by, now=self.now)
        except DomainError:
            return
        if signed is not None:
            self.agreement = self.decided(self.agreement, lambda: signed.agreement)
            if signed.mentorship is not None:
                self.change_mentorship(lambda: signed.mentorship)

    @rule(by=sides, days=st.integers(1, 40), rule_=st.sampled_from(["", "FREQ=WEEKLY", "FREQ=DAILY;INTERVAL=10"]))
    @precondition(lambda self: len(self.series) < 3 and self.mentorship.is_open and not self.mentorship.is_paused)
    def propose_meetings(self, by: Side, days: int, rule_: str) -> None:
        id = f"s{len(self.series)}"
        decision = series.propose(self._plan(days, rule_), id=id, mentorship="m", pair=PAIR, by=by, now=self.now)
        self.published(decision.event)
        self.series[id] = decision.state

    def _plan(self, days: int, rule_: str) -> Plan:
        starts = local_time(self.now + days * DAY, "UTC").replace(hour=17, minute=0)
        return plan(Wanted(starts=starts, zone="UTC", minutes=45, rule=rule_, skipped=(), place=self.text(), link=""))

    @rule(by=sides, command=st.sampled_from([series.agree, series.decline, series.cancel]), at=st.integers(0, 2))
    def answer_meetings(self, by: Side, command: Any, at: int) -> None:
        self._change_series(at, lambda known: command(known, by=by, now=self.now))

    @rule(at=st.integers(0, 2), days=st.integers(1, 9))
    def move_the_next_meeting(self, at: int, days: int) -> None:
        def act(known: Series) -> Decided[Series] | None:
            found = next(occurrences.from_then_on(known.in_force, known.changes, self.now), None)
            if found is None:
                return None
            starts = local_time(found.starts_at + days * DAY, "UTC")
            return series.move(known, found.id, starts=starts, now=self.now)

        self._change_series(at, act)

    @rule(by=sides, at=st.integers(0, 2), outcome=st.sampled_from(get_args(Outcome)))
    def record_the_last_meeting(self, by: Side, at: int, outcome: Outcome) -> None:
        def act(known: Series) -> Decided[Series] | None:
            begun = occurrences.between(known.in_force, known.changes, self.now - 30 * DAY, self.now)
            if not begun:
                return None
            decision = series.record(known, begun[-1].id, outcome, by=by, now=self.now)
            if decision is not None and outcome == "held":
                self.change_mentorship(lambda: lifecycle.meet(self.mentorship, met_at=begun[-1].starts_at))
            return decision

        self._change_series(at, act)

    @rule(by=sides, at=st.integers(0, 2), days=st.integers(0, 30))
    def be_on_duty(self, by: Side, at: int, days: int) -> None:
        busy = on_duty(on=local_time(self.now + days * DAY, "UTC").replace(hour=17))
        self._change_series(at, lambda known: series.respect_duties(known, {by: [busy]}, now=self.now))

    def _change_series(self, at: int, act: Callable[[Series], Decided[Series] | None]) -> None:
        id = f"s{at}"
        if id in self.series:
            known = self.series[id]
            self.series[id] = self.decided(known, lambda: act(known))

    @rule(is_shared=st.booleans())
    @precondition(lambda self: len(self.goals) < 3)
    def set_goal(self, *, is_shared: bool) -> None:
        id, fields = f"g{len(self.goals)}", {"title": self.text(), "description": "", "is_shared": is_shared}
        decision = goals.set_goal(PAIR, mentorship="m", id=id, **fields, now=self.now)
        self.published(decision.event)
        self.goals[id] = decision.state

    @rule(by=sides, at=st.integers(0, 2), audience=st.sampled_from(get_args(Audience)))
    def comment(self, by: Side, at: int, audience: Audience) -> None:
        known = self.goals.get(f"g{at}")
        if known is None or not known.is_visible_to(by):
            return
        course = OpenPair(pair=PAIR, is_open=self.mentorship.is_open, blocked_by=self.blocked_by)
        noted = {"id": f"c{len(known.comments)}", "text": self.text(), "audience": audience}
        after = self.decided(known, lambda: goals.comment(known, by=by, pair=course, now=self.now, **noted))
        if audience == "pair" and (self.blocked_by or not self.mentorship.is_open):
            assert after == known
        if audience == "author":
            assert after.visible_comments(OTHER[by]) == known.visible_comments(OTHER[by])
            assert after.shown_version == known.shown_version
        self.goals[known.id] = after

    @rule(by=sides)
    def block(self, by: Side) -> None:
        self.blocked_by = tuple({*self.blocked_by} ^ {by})

    @rule()
    def book_the_flash_slot(self) -> None:
        self.slot = self.decided(
            self.slot, lambda: flash.book(self.slot, PAIR.mentee, FREE, question=self.text(), now=self.now)
        )

    @rule(by=sides)
    def cancel_the_flash_slot(self, by: Side) -> None:
        self.slot = self.decided(self.slot, lambda: flash.cancel(self.slot, by=by, now=self.now))

    # -- the clock -----------------------------------------------------------------------------------------------

    @rule(days=st.sampled_from([1, 6, 7, 14, 29, 70]))
    def pass_time(self, days: int) -> None:
        self.now += days * DAY
        for _ in range(1_000):
            before = (self.mentorship, self.agreement, dict(self.series), self.slot)
            self.change_mentorship(lambda: lifecycle.pass_time(self.mentorship, self.now))
            self.agreement = self.decided(self.agreement, lambda: agreements.pass_time(self.agreement, self.now))
            for id, known in self.series.items():
                self.series[id] = self.decided(known, lambda known=known: series.pass_time(known, self.now))
            self.slot = self.decided(self.slot, lambda: flash.pass_time(self.slot, self.now))
            if before == (self.mentorship, self.agreement, self.series, self.slot):
                return
        raise AssertionError("something stays due without an end")

    # -- what holds ----------------------------------------------------------------------------------------------

    @invariant()
    def the_seat_is_freed_once_and_with_the_end(self) -> None:
        assert self.seats_freed == (0 if self.mentorship.is_open else 1)

    @invariant()
    def states_fit_each_other(self) -> None:
        assert self.mentorship.state in lifecycle.MACHINE.states
        in_force = self.agreement.in_force is not None
        assert not in_force or self.mentorship.activated_at is not None
        if not self.mentorship.is_open:
            assert self.mentorship.due_at is None
            assert not any(known.is_open for known in self.series.values())
        running = self.mentorship.is_open and not self.mentorship.is_paused
        assert running or not any(known.state == "agreed" for known in self.series.values())

    @invariant()
    def no_matter_has_two_reminders(self) -> None:
        assert [matter for matter, times in self.reminders.items() if times > 1] == []

    @invariant()
    def a_private_text_is_seen_by_its_author_alone(self) -> None:
        for goal in self.goals.values():
            for side in SIDES:
                seen = {comment.text for comment in goal.visible_comments(side)}
                theirs = {
                    comment.text for comment in goal.comments if comment.by != side and comment.audience == "author"
                }
                assert not seen & theirs

    @invariant()
    def a_coordinator_sees_states_and_days_and_no_text(self) -> None:
        read = mentorship_read(Seen(mentorship=self.mentorship, side=None, names={}))
        assert SECRET not in read.model_dump_json()
        assert read.possible == []
        assert read.last_met_at is None or read.last_met_at.hour == 0


def _matter(event: Any) -> tuple[Any, ...] | None:
    if isinstance(event, MeetingReminded):
        return (event.series, event.starts_at)
    if isinstance(event, FlashReminded):
        return (event.slot, event.mentee, event.starts_at)
    if isinstance(event, IntroductionEnding | PeriodEnding):
        return (event.TYPE, event.ends_at)
    if isinstance(event, MentorshipSilent):
        return (event.TYPE, event.asked_at)
    if isinstance(event, MentorshipQuestioned):
        return (event.TYPE, event.lapses_at)
    return (event.TYPE, event.number) if isinstance(event, AgreementReviewDue) else None


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
