"""An agreement of two people: each state and command, signatures of the same version, and when it counts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.mentorships.agreements.domain import agreements as domain
from services.mentorships.agreements.domain.agreements import Change, Proposed, Signed
from services.mentorships.agreements.domain.clauses import CLAUSES, Clauses, Terms
from services.mentorships.agreements.domain.default_texts import DEFAULT_TEXTS
from services.mentorships.agreements.domain.differences import pieces
from services.mentorships.agreements.domain.states import MACHINE, Agreement, AgreementChanged
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.kernel.pairs import Side
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.domain import Mentorship
from shared.contracts.mentorships import (
    AgreementInForce,
    AgreementProposed,
    AgreementReviewDue,
    AgreementSigned,
    AgreementWithdrawn,
)
from shared.errors import Conflict, Forbidden, NotFound, Rejected
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW, PAIR, active, ended, introduction, paused

TEMPLATE = AgreementTemplate(programme="residency", institution="north").translated("en")
TERMS = Terms(interval_days=30, length_months=12, review_on=(NOW + 60 * DAY).date())
SIDES: tuple[Side, ...] = ("mentee", "mentor")


def drafted(by: Side = "mentee", principles: str = "Be kind.") -> Proposed:
    agreement = Agreement(id="a", mentorship="m", pair=PAIR)
    return domain.draft(agreement, introduction(), TEMPLATE, principles=principles, by=by, now=NOW)


def proposed(
    agreement: Agreement,
    *,
    goals: str = "A paper.",
    terms: Terms = TERMS,
    by: Side = "mentee",
    of: Mentorship | None = None,
    before: Clauses | None = None,
    expected: int | None = None,
    **texts: Any,
) -> Proposed:
    return domain.propose(
        agreement,
        of or introduction(),
        drafted().clauses if before is None else before,
        Change(
            texts={"goals": goals, **texts},
            terms=terms,
            expected=agreement.version if expected is None else expected,
        ),
        by=by,
        now=NOW,
    )


def signed(agreement: Agreement, by: Side, *, of: Mentorship | None = None, number: int | None = None) -> Signed:
    chosen = len(agreement.versions) if number is None else number
    found = domain.sign(agreement, of or introduction(), number=chosen, by=by, now=NOW)
    assert found is not None
    return found


def withdrawn(agreement: Agreement, *, number: int | None = None, by: Side = "mentee") -> Agreement:
    chosen = max(len(agreement.versions), 1) if number is None else number
    found = domain.withdraw(agreement, active(), number=chosen, by=by, now=NOW)
    assert found is not None
    return found.agreement.state


def agreed(by: Side = "mentee") -> Agreement:
    first = drafted(by).agreement.state
    return signed(signed(first, "mentee").agreement.state, "mentor").agreement.state


IN_STATE: Mapping[str, Callable[[], Agreement]] = {
    "none": lambda: Agreement(id="a", mentorship="m", pair=PAIR),
    "proposed": lambda: drafted().agreement.state,
    "in_force": agreed,
    "change_proposed": lambda: proposed(agreed()).agreement.state,
}
COMMANDS: Mapping[str, Callable[[Agreement], str]] = {
    "draft": lambda agreement: (
        domain.draft(agreement, active(), TEMPLATE, principles="", by="mentor", now=NOW).agreement.state.state
    ),
    "propose": lambda agreement: proposed(agreement, goals="Two papers.").agreement.state.state,
    "withdraw": lambda agreement: withdrawn(agreement).state,
}


def test_the_table_has_every_state_and_command() -> None:
    assert set(IN_STATE) == set(MACHINE.states)
    assert {*COMMANDS, "sign", "countersign"} == set(MACHINE.moves)


def test_the_docs_draw_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "mentorships.md"
    assert f"```mermaid\n{MACHINE.as_mermaid()}\n```" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("state", IN_STATE)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_moves_the_states_that_the_table_names_and_no_other(state: str, command: str) -> None:
    agreement = IN_STATE[state]()
    assert agreement.state == state
    if MACHINE.allows(state, command):
        assert COMMANDS[command](agreement) == MACHINE.moves[command][state]
        return
    if command == "withdraw":  # names a version
        with pytest.raises(NotFound if state == "none" else Conflict):
            COMMANDS[command](agreement)
        return
    with pytest.raises(Conflict, match=state.replace("_", " ")) as refused:
        COMMANDS[command](agreement)
    assert all(word in refused.value.message for word in MACHINE.commands(state))


@pytest.mark.parametrize("state", IN_STATE)
def test_a_signature_and_a_countersignature_move_open_proposals_only(state: str) -> None:
    agreement = IN_STATE[state]()
    if MACHINE.allows(state, "sign"):
        half = signed(agreement, "mentor").agreement.state
        assert half.state == MACHINE.moves["sign"][state]
        assert signed(half, "mentee").agreement.state.state == MACHINE.moves["countersign"][state]
    elif state == "none":
        with pytest.raises(NotFound):
            signed(agreement, "mentee")
    else:
        assert [domain.sign(agreement, active(), number=1, by=side, now=NOW) for side in SIDES] == [None, None]


@pytest.mark.parametrize("command", ["draft", "propose", "sign", "withdraw"])
def test_nothing_is_possible_after_the_end_and_the_refusal_names_the_state(command: str) -> None:
    acts: Mapping[str, Callable[[], Any]] = {
        "draft": lambda: domain.draft(IN_STATE["none"](), ended(), TEMPLATE, principles="", by="mentor", now=NOW),
        "propose": lambda: proposed(agreed(), of=ended()),
        "sign": lambda: signed(IN_STATE["proposed"](), "mentee", of=ended()),
        "withdraw": lambda: domain.withdraw(IN_STATE["proposed"](), ended(), number=1, by="mentee", now=NOW),
    }
    with pytest.raises(Conflict, match="in the state ended") as refused:
        acts[command]()
    assert refused.value.code == "mentorship_ended"


def test_a_first_version_has_the_templates_clauses_and_the_mentors_principles() -> None:
    draft = drafted(by="mentor")
    assert set(draft.clauses) == set(CLAUSES)
    assert (draft.clauses["principles"].text, draft.clauses["principles"].by) == ("Be kind.", "mentor")
    assert {clause.by for name, clause in draft.clauses.items() if name != "principles"} == {"programme"}
    [version] = draft.agreement.state.versions
    assert (version.terms.interval_days, version.terms.length_months) == (30, 12)
    assert version.terms.review_on.isoformat() == "2027-04-04"
    assert isinstance(draft.agreement.event, AgreementProposed)
    assert draft.agreement.event.recipients == (MIA.as_recipient,)


def test_a_mentor_without_principles_has_an_agreement_without_that_clause() -> None:
    assert "principles" not in drafted(principles="").clauses


def test_the_second_signature_brings_it_into_force_and_makes_the_introduction_active() -> None:
    first = signed(drafted().agreement.state, "mentee")
    assert isinstance(first.agreement.event, AgreementSigned)
    assert (first.agreement.event.recipients, first.mentorship) == ((ADA.as_recipient,), None)
    second = signed(first.agreement.state, "mentor")
    assert isinstance(second.agreement.event, AgreementInForce)
    assert second.agreement.event.recipients == PAIR.both
    assert second.mentorship is not None
    assert (second.mentorship.state.state, second.mentorship.state.interval_days) == ("active", 30)
    assert second.mentorship.state.ends_at == NOW.replace(year=2028)


def test_a_paused_introduction_stays_paused_when_its_agreement_is_signed() -> None:
    half = signed(drafted().agreement.state, "mentee", of=paused(introduction())).agreement.state
    second = signed(half, "mentor", of=paused(introduction()))
    assert second.mentorship is not None
    assert second.mentorship.state.state == "paused"


def test_a_change_needs_both_again_and_the_version_in_force_stays_until_then() -> None:
    change = proposed(agreed(), by="mentor").agreement.state
    half = signed(change, "mentor", of=active()).agreement.state
    assert (half.in_force, half.proposal) == (half.versions[0], half.versions[1])
    whole = signed(half, "mentee", of=active()).agreement.state
    assert (whole.in_force, whole.proposal) == (whole.versions[1], None)


def test_a_counter_proposal_replaces_the_open_one_and_its_signatures() -> None:
    half = signed(drafted().agreement.state, "mentee").agreement.state
    countered = proposed(half, by="mentor").agreement.state
    with pytest.raises(Conflict, match="version 1 was replaced: read version 2"):
        signed(countered, "mentor", number=1)
    assert signed(countered, "mentor").mentorship is None


def test_a_proposal_on_an_older_state_says_what_changed_and_no_text() -> None:
    agreement = drafted().agreement.state
    newer = proposed(agreement, by="mentor", goals="A secret goal.").agreement.state
    with pytest.raises(AgreementChanged, match=r"version 2 by the mentor \(goals, review_on\)") as refused:
        proposed(newer, expected=1, goals="Another.")
    assert "secret" not in str(refused.value)
    unsigned = signed(agreement, "mentor").agreement.state
    with pytest.raises(AgreementChanged, match="a signature"):
        proposed(unsigned, expected=1)


def test_a_proposal_that_changes_nothing_is_refused() -> None:
    draft = drafted()
    same = draft.agreement.state.versions[0].terms
    with pytest.raises(Conflict, match="says the same"):
        proposed(draft.agreement.state, goals=draft.clauses["goals"].text, terms=same)


def test_only_the_mentor_changes_the_mentors_principles() -> None:
    with pytest.raises(Forbidden, match="only the mentor"):
        proposed(drafted().agreement.state, principles="Be strict.")
    clauses = proposed(drafted().agreement.state, principles="Be patient.", by="mentor").clauses
    assert clauses["principles"].text == "Be patient."


@pytest.mark.parametrize("days", [0, -400, 800])
def test_a_review_date_in_the_past_or_far_away_is_refused(days: int) -> None:
    wrong = replace(TERMS, review_on=(NOW + days * DAY).date())
    with pytest.raises(Rejected) as refused:
        proposed(drafted().agreement.state, terms=wrong)
    assert [error.field for error in refused.value.errors] == ["review_on"]


def test_a_clause_keeps_its_author_while_its_text_stays() -> None:
    second = proposed(drafted().agreement.state, goals="A paper.", by="mentee").clauses
    third = proposed(
        proposed(drafted().agreement.state).agreement.state,
        before=second,
        goals="A paper.",
        ending="By June.",
        by="mentor",
    ).clauses
    assert (third["goals"].by, third["ending"].by, third["review"].by) == ("mentee", "mentor", "programme")


@pytest.mark.parametrize(
    ("terms", "months"),
    [
        (replace(TERMS, interval_days=14), 12),
        (replace(TERMS, length_months=15), 15),
        (replace(TERMS, length_months=6), 6),
    ],
    ids=["the same length", "longer", "shorter"],
)
def test_a_period_continues_longer_or_shorter_by_the_difference(terms: Terms, months: int) -> None:
    end = domain.months_later(NOW, 12)
    mentorship = active(ends_at=end + 20 * DAY)  # a pause has moved the end
    half = signed(proposed(agreed(), terms=terms).agreement.state, "mentee", of=mentorship).agreement.state
    both = signed(half, "mentor", of=mentorship)
    assert both.mentorship is not None
    assert both.mentorship.state.ends_at == domain.months_later(end + 20 * DAY, months - 12)


def test_an_extension_counts_from_the_day_on_which_both_have_signed() -> None:
    mentorship = active(ends_at=NOW + 10 * DAY)
    change = proposed(agreed(), terms=replace(TERMS, length_months=6, starts_again=True)).agreement.state
    both = signed(signed(change, "mentee", of=mentorship).agreement.state, "mentor", of=mentorship)
    assert both.mentorship is not None
    assert both.mentorship.state.ends_at == domain.months_later(NOW, 6)


def test_what_started_again_once_does_not_start_again_with_the_next_change() -> None:
    again = replace(TERMS, starts_again=True)
    in_force = proposed(agreed(), terms=again).agreement.state
    for side in SIDES:
        in_force = signed(in_force, side, of=active()).agreement.state
    change = proposed(in_force, goals="Three papers.").agreement.state
    assert change.versions[-1].changes == ("goals",)


def test_a_shortened_period_never_ends_without_a_notice() -> None:
    mentorship = active(ends_at=NOW + 10 * DAY)
    change = proposed(agreed(), terms=replace(TERMS, length_months=1)).agreement.state
    both = signed(signed(change, "mentee", of=mentorship).agreement.state, "mentor", of=mentorship)
    assert both.mentorship is not None
    assert both.mentorship.state.ends_at == NOW + lifecycle.NOTICE


def test_a_month_later_is_the_same_day_or_the_months_last() -> None:
    new_year = NOW.replace(month=1, day=31)
    assert domain.months_later(new_year, 1).date().isoformat() == "2027-02-28"
    assert domain.months_later(new_year, 24).date().isoformat() == "2029-01-31"
    assert domain.months_later(new_year, -2).date().isoformat() == "2026-11-30"


def test_the_number_of_versions_is_bounded() -> None:
    full = agreed()
    versions = tuple(replace(full.versions[0], number=at + 1) for at in range(domain.MAX_VERSIONS))
    with pytest.raises(Conflict, match="at most"):
        proposed(replace(full, versions=versions))


def test_each_language_of_the_default_template_has_every_clause() -> None:
    for texts in DEFAULT_TEXTS.values():
        assert set(texts) == set(CLAUSES) - {"principles"}


@pytest.mark.parametrize(("locale", "language"), [("de-AT", "de"), ("en", "en"), ("fr", "en"), ("", "en")])
def test_a_template_is_in_the_wanted_language_or_the_first(locale: str, language: str) -> None:
    assert AgreementTemplate(programme="p", institution="i").translated(locale).language == language


def test_a_difference_keeps_both_texts() -> None:
    found = list(pieces("We meet monthly, in the café.", "We meet weekly, in the café or online."))
    before = "".join(piece.text for piece in found if piece.kind != "added")
    after = "".join(piece.text for piece in found if piece.kind != "removed")
    assert (before, after) == ("We meet monthly, in the café.", "We meet weekly, in the café or online.")
    assert [piece.text for piece in found if piece.kind != "same"] == ["monthly", "weekly", " or online"]


def test_only_the_proposer_withdraws_a_proposal_and_only_before_the_other_signs() -> None:
    draft = drafted(by="mentee").agreement.state
    with pytest.raises(Forbidden):
        withdrawn(draft, by="mentor")
    with pytest.raises(Conflict, match="has signed it"):
        withdrawn(signed(draft, "mentor").agreement.state)
    own_signature = withdrawn(signed(draft, "mentee").agreement.state)
    assert (own_signature.state, own_signature.proposal) == ("none", None)
    assert domain.withdraw(own_signature, active(), number=1, by="mentee", now=NOW) is None


def test_a_withdrawal_notifies_the_other_and_names_no_text() -> None:
    event = domain.withdraw(drafted().agreement.state, active(), number=1, by="mentee", now=NOW)
    assert event is not None
    withdrawn_event = event.agreement.event
    assert isinstance(withdrawn_event, AgreementWithdrawn)
    assert withdrawn_event.recipients == (ADA.as_recipient,)


def test_a_withdrawn_version_cannot_be_signed_and_opens_no_earlier_proposal() -> None:
    second = proposed(drafted(by="mentee").agreement.state, by="mentor").agreement.state
    after = withdrawn(second, by="mentor")
    for number in (1, 2):
        with pytest.raises(Conflict, match="not open any more"):
            signed(after, "mentee", number=number)
    again = domain.draft(after, introduction(), TEMPLATE, principles="", by="mentee", now=NOW).agreement.state
    assert (again.state, again.versions[-1].number) == ("proposed", 3)


def test_after_a_withdrawn_change_the_agreement_in_force_is_what_is_changed_next() -> None:
    after = withdrawn(proposed(agreed(), goals="Two papers.").agreement.state)
    assert after.in_force is not None
    assert after.newest == after.in_force
    with pytest.raises(Conflict, match="says the same already"):
        proposed(after, goals=drafted().clauses["goals"].text, terms=after.in_force.terms)


def reminder(agreement: Agreement, days: int) -> Agreement | None:
    decided = domain.pass_time(agreement, NOW + days * DAY)
    return decided.state if decided else None


def test_both_are_reminded_once_on_the_review_date() -> None:
    agreement = agreed()
    assert agreement.in_force is not None
    day = agreement.in_force.terms.review_on
    assert agreement.due_at is not None
    assert (agreement.due_at.date(), agreement.due_at.hour) == (day, 12)
    decided = domain.pass_time(agreement, agreement.due_at)
    assert decided is not None
    assert isinstance(decided.event, AgreementReviewDue)
    assert decided.event.recipients == PAIR.both
    assert (decided.state.due_at, reminder(decided.state, 1_000)) == (None, None)


def test_a_newer_version_in_force_has_a_reminder_of_its_own_and_an_open_proposal_none() -> None:
    reminded = reminder(agreed(), 400)
    assert reminded is not None
    change = proposed(reminded).agreement.state
    assert change.due_at is None
    both = signed(signed(change, "mentee").agreement.state, "mentor").agreement.state
    assert both.due_at is not None
    assert both.due_at.date() == TERMS.review_on


def test_a_pause_and_the_end_stop_the_reminder_and_a_return_starts_it() -> None:
    agreement = agreed()
    stopped = domain.follow(agreement, paused(active()))
    assert stopped is not None
    assert (stopped.event, stopped.state.due_at) == (None, None)
    assert domain.follow(stopped.state, paused(active())) is None
    resumed = domain.follow(stopped.state, active())
    assert resumed is not None
    assert resumed.state.due_at == agreement.due_at
    over = domain.follow(agreement, ended())
    assert over is not None
    assert over.state.due_at is None


class TwoPeople(RuleBasedStateMachine):
    """Both propose and sign in any order, also what they no longer see as current."""

    def __init__(self) -> None:
        super().__init__()
        draft = drafted()
        self.agreement, self.clauses = draft.agreement.state, {1: draft.clauses}
        self.mentorship = introduction()
        self.signatures: set[tuple[int, Side]] = set()
        self.now = NOW

    @rule(by=st.sampled_from(SIDES), goals=st.sampled_from(["A paper.", "A field.", ""]), seen=st.integers(0, 3))
    def propose(self, by: Side, goals: str, seen: int) -> None:
        expected, newest = self.agreement.version - seen, self.agreement.newest
        before = self.clauses[newest.number] if newest else None
        try:
            made = proposed(self.agreement, by=by, goals=goals, before=before, of=self.mentorship, expected=expected)
        except (Conflict, AgreementChanged):
            return
        assert seen == 0
        self._add(made)

    @rule(by=st.sampled_from(SIDES), back=st.integers(-1, 3))
    def sign(self, by: Side, back: int) -> None:
        self.now += timedelta(minutes=1)
        number = len(self.agreement.versions) - back
        try:
            done = domain.sign(self.agreement, self.mentorship, number=number, by=by, now=self.now)
        except (Conflict, NotFound):
            is_withdrawn = self.agreement.versions[-1].withdrawn_at is not None
            assert back != 0 or is_withdrawn or not self.mentorship.is_open
            return
        if done is not None:
            self.signatures.add((number, by))
            self.agreement = done.agreement.state
            self.mentorship = done.mentorship.state if done.mentorship else self.mentorship

    @rule(by=st.sampled_from(SIDES), back=st.integers(0, 2))
    def withdraw(self, by: Side, back: int) -> None:
        number = len(self.agreement.versions) - back
        open_before = self.agreement.proposal
        try:
            done = domain.withdraw(self.agreement, self.mentorship, number=number, by=by, now=self.now)
        except (Conflict, Forbidden, NotFound):
            return
        if done is not None:
            assert open_before is not None
            assert (number, by) == (open_before.number, open_before.by)
            assert not {side for side in SIDES if side != by and (number, side) in self.signatures}
            self.agreement = done.agreement.state

    @rule(by=st.sampled_from(SIDES))
    def draft(self, by: Side) -> None:
        try:
            made = domain.draft(self.agreement, self.mentorship, TEMPLATE, principles="", by=by, now=self.now)
        except Conflict:
            return
        self._add(made)

    def _add(self, made: Proposed) -> None:
        self.agreement = made.agreement.state
        self.clauses[len(self.agreement.versions)] = made.clauses

    @precondition(lambda self: self.mentorship.is_open)
    @rule()
    def close(self) -> None:
        closed = lifecycle.close(self.mentorship, reason="no_time", already_notified=(), now=self.now)
        assert closed is not None
        if len(self.agreement.versions) > 3:  # not at once, so that other rules have time
            self.mentorship = closed.state

    @invariant()
    def a_version_is_in_force_only_with_both_signatures_of_it(self) -> None:
        for version in self.agreement.versions:
            both = {(version.number, side) for side in SIDES} <= self.signatures
            assert (version.in_force_since is not None) == both

    @invariant()
    def one_proposal_is_open_at_most_and_it_is_the_newest(self) -> None:
        is_open = self.agreement.proposal is not None
        assert is_open == (self.agreement.state in ("proposed", "change_proposed"))
        in_force = self.agreement.in_force
        assert (in_force is None) == (self.agreement.state in ("none", "proposed"))
        signed_by_both = [version.number for version in self.agreement.versions if version.in_force_since]
        assert (in_force.number if in_force else None) == max(signed_by_both, default=None)

    @invariant()
    def the_mentorship_is_active_exactly_if_a_version_was_ever_in_force(self) -> None:
        assert (self.mentorship.activated_at is not None) == (self.agreement.in_force is not None)


TestTwoPeople = TwoPeople.TestCase
TestTwoPeople.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
