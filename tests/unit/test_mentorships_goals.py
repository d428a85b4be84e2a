"""Goals belong to the mentee; the mentor sees and comments on what is shared."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.mentorships.goals import domain
from services.mentorships.goals.domain import MACHINE, Goal
from services.mentorships.kernel.pairs import Decided, Side
from shared.contracts.mentorships import GoalChanged
from shared.errors import Conflict, Forbidden
from tests.unit.mentorships_people import ADA, GOING_ON, NOW, OVER, PAIR


def goal(*, is_shared: bool = True) -> Goal:
    return domain.set_goal(
        PAIR, mentorship="m", id="g", title="A paper", description="", is_shared=is_shared, now=NOW
    ).state


IN_STATE: dict[str, Callable[[], Goal]] = {
    "open": goal,
    "completed": lambda: domain.move(goal(), by="mentee", command="complete", now=NOW).state,
    "dropped": lambda: domain.move(goal(), by="mentee", command="drop", now=NOW).state,
}
COMMANDS: dict[str, Callable[[Goal], Decided[Goal] | None]] = {
    "change": lambda known: domain.change(known, by="mentee", title="B", description="", is_shared=True),
    "comment": lambda known: domain.comment(
        known, id="c", by="mentor", text="Yes", audience="pair", pair=GOING_ON, now=NOW
    ),
    "complete": lambda known: domain.move(known, by="mentee", command="complete", now=NOW),
    "drop": lambda known: domain.move(known, by="mentee", command="drop", now=NOW),
    "reopen": lambda known: domain.move(known, by="mentee", command="reopen", now=NOW),
}


def test_the_table_has_every_state_and_command() -> None:
    assert (set(IN_STATE), set(COMMANDS)) == (set(MACHINE.states), set(MACHINE.moves))


@pytest.mark.parametrize("state", IN_STATE)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_moves_the_states_that_the_table_names_and_no_other(state: str, command: str) -> None:
    if MACHINE.allows(state, command):
        decided = COMMANDS[command](IN_STATE[state]())
        assert decided is not None
        assert decided.state.state == MACHINE.moves[command][state]
    else:
        with pytest.raises(Conflict, match=state):
            COMMANDS[command](IN_STATE[state]())


@pytest.mark.parametrize(
    "command",
    [
        lambda known: domain.change(known, by="mentor", title="B", description="", is_shared=True),
        lambda known: domain.move(known, by="mentor", command="complete", now=NOW),
        lambda known: domain.move(known, by="mentor", command="reopen", now=NOW),
    ],
)
def test_the_mentor_cannot_change_a_goal(command: Callable[[Goal], object]) -> None:
    with pytest.raises(Forbidden):
        command(goal())


def test_the_mentor_is_notified_of_shared_goals_only() -> None:
    shared, private = (
        domain.move(goal(is_shared=is_shared), by="mentee", command="complete", now=NOW).event
        for is_shared in (True, False)
    )
    assert isinstance(shared, GoalChanged)
    assert isinstance(private, GoalChanged)
    assert (shared.recipients, private.recipients) == ((ADA.as_recipient,), ())


def test_a_private_note_is_seen_by_its_author_alone_and_leaves_no_trace_for_the_other() -> None:
    noted = domain.comment(goal(), id="c", by="mentee", text="I am afraid of it", audience="author", pair=OVER, now=NOW)
    assert noted.event is None
    assert noted.state.shown_version == goal().shown_version
    assert noted.state.visible_comments("mentor") == ()
    assert [comment.text for comment in noted.state.visible_comments("mentee")] == ["I am afraid of it"]


def test_after_the_end_of_the_mentorship_the_two_write_nothing_to_each_other() -> None:
    with pytest.raises(Conflict, match="has ended"):
        domain.comment(goal(), id="c", by="mentor", text="Why?", audience="pair", pair=OVER, now=NOW)


@pytest.mark.parametrize(("by", "code"), [("mentee", "thread_blocked"), ("mentor", "thread_closed")])
def test_a_block_stops_comments_of_both_and_says_to_its_author_alone_why(by: Side, code: str) -> None:
    blocked = replace(GOING_ON, blocked_by=("mentee",))
    with pytest.raises(Conflict) as refused:
        domain.comment(goal(), id="c", by=by, text="Why?", audience="pair", pair=blocked, now=NOW)
    assert refused.value.code == code
    domain.comment(goal(), id="c", by=by, text="For me.", audience="author", pair=blocked, now=NOW)


def test_the_number_of_private_notes_does_not_limit_the_other() -> None:
    full = goal()
    for number in range(domain.MAX_COMMENTS):
        full = domain.comment(full, id=str(number), by="mentee", text="x", audience="author", pair=OVER, now=NOW).state
    assert (
        domain.comment(full, id="m", by="mentor", text="Yes", audience="pair", pair=GOING_ON, now=NOW)
        .state.comments[-1]
        .id
        == "m"
    )
    with pytest.raises(Conflict, match="200 of your comments"):
        domain.comment(full, id="n", by="mentee", text="x", audience="pair", pair=GOING_ON, now=NOW)


def test_an_unchanged_goal_publishes_nothing() -> None:
    assert domain.change(goal(), by="mentee", title="A paper", description="", is_shared=True) is None
