"""Flash slots: every state with every command, one booking a slot, one reminder, and what others may see."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.mentorships.flash import domain
from services.mentorships.flash.domain import MACHINE, MAX_BOOKED, MAX_OFFERED, Calendar, Slot, State
from services.mentorships.kernel.pairs import Decided, Party
from shared.contracts.short_formats import FlashCancelled, FlashHeld, FlashReminded
from shared.errors import Conflict, Forbidden, Rejected
from tests.unit.mentorships_flash import FREE, STARTS, booked, offered, template, window
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW

ZOE = Party(member="zoe", institution="north")
LATER = STARTS + DAY
Act = Callable[[Slot], Decided[Slot] | None]
COMMANDS: dict[str, Act] = {
    "book": lambda slot: domain.book(slot, ZOE, FREE, question="", now=NOW),
    "cancel_booking": lambda slot: domain.cancel(slot, by="mentee", now=NOW),
    "withdraw": lambda slot: domain.cancel(slot, by="mentor", now=NOW),
    "hold": lambda slot: domain.record(slot, "held", by="mentor", now=LATER),
    "miss": lambda slot: domain.record(slot, "missed", by="mentor", now=LATER),
    "give_feedback": lambda slot: domain.give_feedback(slot, by="mentee", useful=5, text="", now=LATER),
    "run_out": lambda slot: domain.pass_time(replace(slot, reminded=True, due_at=NOW), LATER),
}


def slot_in(state: State) -> Slot:
    slot = offered().state if state in ("open", "expired") else booked()
    return replace(slot, state=state)


@pytest.mark.parametrize("command", MACHINE.moves)
@pytest.mark.parametrize("state", MACHINE.states)
def test_a_command_moves_the_states_that_allow_it_and_is_refused_in_the_others(state: State, command: str) -> None:
    slot, act = slot_in(state), COMMANDS[command]
    if MACHINE.allows(state, command):
        decided = act(slot)
        assert decided is not None
        assert (decided.state.state, decided.state.version) == (MACHINE.after(state, command), slot.version + 1)
    elif (command, state) in {("hold", "held"), ("miss", "missed")}:
        assert act(slot) is None
    else:
        with pytest.raises(Conflict):
            act(slot)


def test_the_same_booking_again_changes_nothing_and_another_one_reads_that_it_is_taken() -> None:
    assert domain.book(booked(), MIA, FREE, question="", now=NOW) is None
    with pytest.raises(Conflict) as refused:
        domain.book(booked(), ZOE, FREE, question="", now=NOW)
    assert refused.value.code == "slot_taken"


def test_a_window_becomes_slots_and_a_short_rest_stays_free() -> None:
    wide = replace(window(slots=3), ends_at=STARTS + timedelta(minutes=100))
    slots = [decided.state for decided in domain.offer(wide, template(), FREE, now=NOW)]
    assert [(slot.id, slot.starts_at - STARTS) for slot in slots] == [
        ("w.1", timedelta()),
        ("w.2", timedelta(minutes=30)),
        ("w.3", timedelta(minutes=60)),
    ]


@pytest.mark.parametrize(
    "wrong", [window(begins_at=NOW), window(slots=0), window(slots=25), window(begins_at=NOW + 200 * DAY)]
)
def test_a_window_that_is_past_far_away_too_short_or_too_long_is_refused(wrong: domain.Window) -> None:
    with pytest.raises(Rejected):
        domain.offer(wrong, template(), FREE, now=NOW)


def test_slots_and_bookings_are_limited_and_never_overlap() -> None:
    for known in (Calendar(coming=MAX_OFFERED, overlaps=False), Calendar(coming=1, overlaps=True)):
        with pytest.raises(Conflict):
            domain.offer(window(), template(), known, now=NOW)
    for known in (Calendar(coming=MAX_BOOKED, overlaps=False), Calendar(coming=1, overlaps=True)):
        with pytest.raises(Conflict):
            domain.book(offered().state, MIA, known, question="", now=NOW)


def test_a_mentor_cannot_book_their_own_slot_or_one_that_has_begun() -> None:
    with pytest.raises(Forbidden):
        domain.book(offered().state, ADA, FREE, question="", now=NOW)
    with pytest.raises(Conflict, match="begun"):
        domain.book(offered().state, MIA, FREE, question="", now=STARTS)
    with pytest.raises(Conflict, match="begun"):
        domain.cancel(booked(), by="mentor", now=STARTS)
    with pytest.raises(Conflict, match="not taken place"):
        domain.record(booked(), "held", by="mentor", now=NOW)


def test_a_mentee_who_cancels_leaves_nothing_of_theirs_in_the_open_slot() -> None:
    decided = domain.cancel(booked(), by="mentee", now=NOW)
    slot, event = decided.state, decided.event
    assert (slot.state, slot.mentee, slot.question, slot.due_at) == ("open", None, "", STARTS)
    assert isinstance(event, FlashCancelled)
    assert event.recipients == (ADA.as_recipient,)


def test_both_are_reminded_once_a_day_before_and_not_of_a_slot_that_has_begun() -> None:
    reminded = domain.pass_time(booked(), STARTS - DAY)
    assert reminded is not None
    assert isinstance(reminded.event, FlashReminded)
    assert domain.pass_time(reminded.state, STARTS - DAY) is None
    late = domain.pass_time(booked(), STARTS)
    assert late is not None
    assert late.event is None
    near = domain.book(offered().state, MIA, FREE, question="", now=STARTS - timedelta(hours=1))
    assert near is not None
    assert near.state.reminded, "the booking is the reminder"


def test_a_held_conversation_names_its_minutes_and_corrects_a_missed_one() -> None:
    missed = domain.record(booked(), "missed", by="mentor", now=LATER)
    assert missed is not None
    held = domain.record(missed.state, "held", by="mentee", now=LATER)
    assert held is not None
    assert isinstance(held.event, FlashHeld)
    assert (held.event.minutes, held.event.recipients) == (30, (ADA.as_recipient,))


@pytest.mark.parametrize(("left", "state"), [("mentee", "open"), ("mentor", "withdrawn")])
def test_after_an_erasure_the_other_person_is_notified(left: str, state: str) -> None:
    decided = domain.pass_time(replace(booked(), left=left, due_at=NOW), NOW)
    assert decided is not None
    assert isinstance(decided.event, FlashCancelled)
    assert (decided.state.state, decided.event.reason) == (state, f"{left}_left")


def test_an_open_slot_is_for_admitted_institutions_and_a_booked_one_for_the_two_people() -> None:
    slot = replace(offered().state, admits=("east", "north", "south"))
    assert slot.parties.institutions == ("east", "north", "south")
    assert replace(booked(), admits=slot.admits).parties.institutions == ("north", "south")


def test_what_is_possible_depends_on_the_person_and_the_time() -> None:
    open_, taken, held = offered().state, booked(), slot_in("held")
    assert domain.possible(open_, None, now=NOW) == ("book",)
    assert domain.possible(open_, None, now=LATER) == ()
    assert domain.possible(taken, "mentee", now=NOW) == ("cancel_booking",)
    assert domain.possible(taken, "mentor", now=LATER) == ("hold", "miss")
    assert domain.possible(held, "mentee", now=LATER) == ("give_feedback",)
