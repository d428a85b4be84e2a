"""Outreach visits: every state with every command, one reminder a time, and what is never published or kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.mentorships.kernel.pairs import Decided
from services.mentorships.outreach import domain
from services.mentorships.outreach.domain import (
    ANSWER_TIME,
    CONTACT_KEPT,
    MACHINE,
    MAX_PLANNED,
    REMINDER,
    Item,
    State,
    Visit,
)
from shared.contracts.short_formats import AboutVisit, VisitHeld, VisitPlanned, VisitReminded
from shared.errors import Conflict, Rejected
from tests.unit.mentorships_outreach import CONTACT, STARTS, plan, planned
from tests.unit.mentorships_people import ADA, DAY, NOW

LATER = STARTS + DAY
Act = Callable[[Visit], Decided[Visit] | None]
COMMANDS: dict[str, Act] = {
    "change": lambda visit: domain.change(visit, plan(school="South School"), now=NOW),
    "tick": lambda visit: domain.tick(visit, [Item(text="kit", is_done=True)]),
    "cancel": domain.cancel,
    "hold": lambda visit: domain.hold(visit, pupils=24, note="", now=LATER),
    "note": lambda visit: domain.write_note(visit, note="Come again."),
    "run_out": lambda visit: domain.pass_time(replace(visit, reminded=True, due_at=NOW), LATER),
}


def visit_in(state: State) -> Visit:
    return replace(planned().state, state=state)


@pytest.mark.parametrize("command", MACHINE.moves)
@pytest.mark.parametrize("state", MACHINE.states)
def test_a_command_moves_the_states_that_allow_it_and_is_refused_in_the_others(state: State, command: str) -> None:
    visit, act = visit_in(state), COMMANDS[command]
    if MACHINE.allows(state, command):
        decided = act(visit)
        assert decided is not None
        assert (decided.state.state, decided.state.version) == (MACHINE.after(state, command), visit.version + 1)
    elif command == "run_out":
        decided = act(visit)
        assert decided is not None
        assert decided.state.state == state, "time deletes the contact only"
    else:
        with pytest.raises(Conflict):
            act(visit)


@pytest.mark.parametrize("starts_at", [NOW, NOW - DAY, NOW + 367 * DAY])
def test_a_visit_is_after_now_and_within_a_year(starts_at: datetime) -> None:
    with pytest.raises(Rejected):
        planned(plan(starts_at=starts_at))
    with pytest.raises(Rejected):
        domain.change(planned().state, plan(starts_at=starts_at), now=NOW)


def test_planned_visits_are_limited() -> None:
    with pytest.raises(Conflict, match="planned visits"):
        domain.plan_visit(plan(), id="v", visitor=ADA, planned=MAX_PLANNED, now=NOW)


def test_another_time_is_published_and_another_school_is_not() -> None:
    first = planned()
    moved = domain.change(first.state, plan(starts_at=STARTS + DAY), now=NOW)
    renamed = domain.change(first.state, plan(school="South School"), now=NOW)
    assert moved is not None
    assert renamed is not None
    assert isinstance(first.event, VisitPlanned)
    assert isinstance(moved.event, VisitPlanned)
    assert moved.event.starts_at == STARTS + DAY
    assert renamed.event is None
    assert domain.change(first.state, plan(), now=NOW) is None


def test_a_visit_can_only_be_held_from_its_start_on_and_its_minutes_are_published() -> None:
    visit = planned().state
    with pytest.raises(Conflict, match="not taken place"):
        domain.hold(visit, pupils=24, note="", now=STARTS - timedelta(seconds=1))
    assert "hold" not in domain.possible(visit, now=NOW)
    assert "hold" in domain.possible(visit, now=STARTS)
    held = domain.hold(visit, pupils=24, note="Come again.", now=STARTS)
    assert isinstance(held.event, VisitHeld)
    assert (held.event.visitor, held.event.minutes) == (ADA.as_recipient, 90)
    assert (held.state.pupils, held.state.note) == (24, "Come again.")


def test_the_visitor_is_reminded_once_and_after_an_outage_of_no_visit_that_has_begun() -> None:
    visit = planned().state
    assert domain.pass_time(visit, STARTS - REMINDER - timedelta(seconds=1)) is None
    reminded = domain.pass_time(visit, STARTS - REMINDER)
    assert reminded is not None
    assert isinstance(reminded.event, VisitReminded)
    assert reminded.event.recipients == (ADA.as_recipient,)
    late = domain.pass_time(visit, STARTS)
    assert late is not None
    assert late.event is None
    over = domain.pass_time(reminded.state, visit.ends_at + ANSWER_TIME)
    assert over is not None
    assert (over.state.state, over.event) == ("unknown", None)


def test_a_visit_that_is_planned_for_tomorrow_needs_no_reminder() -> None:
    visit = planned(plan(starts_at=NOW + DAY)).state
    assert visit.due_at == visit.ends_at + ANSWER_TIME
    earlier = domain.change(planned().state, plan(starts_at=NOW + DAY), now=NOW)
    assert earlier is not None
    assert earlier.state.reminded
    later = domain.change(earlier.state, plan(), now=NOW)
    assert later is not None
    assert later.state.due_at == STARTS - REMINDER


@pytest.mark.parametrize("state", ["held", "cancelled", "unknown"])
def test_the_contact_of_the_host_is_deleted_a_year_after_the_visit(state: State) -> None:
    visit = replace(planned().state, state=state)
    after = domain.pass_time(replace(visit, due_at=visit.ends_at + CONTACT_KEPT), visit.ends_at + CONTACT_KEPT)
    assert after is not None
    assert (after.state.plan.contact, after.state.plan.school) == ("", "North School")
    assert (after.state.due_at, after.event) == (None, None)


def test_an_ended_visit_without_a_contact_has_nothing_due() -> None:
    visit = planned(plan(contact="")).state
    assert domain.cancel(visit).state.due_at is None
    assert domain.cancel(planned().state).state.due_at == planned().state.ends_at + CONTACT_KEPT


def test_events_name_neither_school_nor_host_nor_pupils() -> None:
    fields = {name for kind in AboutVisit.__subclasses__() for name in kind.model_fields}
    assert fields == {"visit", "visitor", "starts_at", "minutes", "recipients"}
    held = domain.hold(planned().state, pupils=24, note=CONTACT, now=LATER)
    assert held.event is not None
    assert not any(text in held.event.model_dump_json() for text in (CONTACT, "School", "24", "kit.example"))


def test_the_same_checklist_and_note_again_change_nothing() -> None:
    visit = planned().state
    assert domain.tick(visit, visit.checklist) is None
    held = domain.hold(visit, pupils=1, note="Come again.", now=LATER).state
    assert domain.write_note(held, note="Come again.") is None
