"""Mentoring groups: every state with every command, one agreement that all sign, the same meetings, and leaving."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.mentorships.groups import domain
from services.mentorships.groups.domain import MACHINE, MOST_MENTEES, REMINDER, Candidate, Group, State
from services.mentorships.groups.usecases import Seen
from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.projections.domain import Person
from shared.contracts.short_formats import (
    GroupChanged,
    GroupEnded,
    GroupMenteeRemoved,
    GroupMet,
    GroupNews,
    GroupOpened,
    GroupReminded,
)
from shared.errors import Conflict, Forbidden, NotFound, Rejected
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW

ZOE, TOM = (Party(member=name, institution="north") for name in ("zoe", "tom"))
FIRST = datetime(2027, 2, 5, 17, tzinfo=NOW.tzinfo)
FIRST_ID, SECOND_ID = "2027-02-05T17:00", "2027-03-05T17:00"
PLAN = Plan(
    starts=FIRST_ID, zone="UTC", minutes=60, rule="FREQ=MONTHLY;BYDAY=1FR", place="Library", link="https://call.example"
)
LATER = FIRST + timedelta(hours=2)


def candidate(mentee: Party, **changed: object) -> Candidate:
    known = Candidate(
        mentorship=f"m-{mentee.member}",
        mentee=mentee,
        mentor=ADA,
        programme="residency",
        is_active=True,
        is_in_group=False,
    )
    return replace(known, **changed)  # type: ignore[arg-type]


def opened(*mentees: Party) -> Decided[Group]:
    candidates = [candidate(mentee) for mentee in mentees or (MIA, ZOE, TOM)]
    return domain.open_group(candidates, id="g", mentor=ADA, programme="residency", text="Be kind.", now=NOW)


def signed(group: Group, *people: Party, number: int = 1) -> Group:
    for person in people:
        decided = domain.sign(group, number=number, by=person.member, now=NOW)
        assert decided is not None
        group = decided.state
    return group


def meeting(group: Group | None = None) -> Group:
    of = group or signed(opened().state, MIA, ZOE, TOM)
    return domain.plan_meetings(of, PLAN, by="ada", now=NOW).state


Act = Callable[[Group], Decided[Group] | None]
COMMANDS: dict[str, Act] = {
    "propose": lambda group: domain.propose(group, "Be on time.", by="ada", now=NOW),
    "sign": lambda group: domain.sign(group, number=1, by="mia", now=NOW),
    "agree": lambda group: domain.sign(
        replace(group, terms=replace(group.terms, signed=("ada", "zoe", "tom"))), number=1, by="mia", now=NOW
    ),
    "plan": lambda group: domain.plan_meetings(group, PLAN, by="ada", now=NOW),
    "cancel_one": lambda group: domain.cancel_one(group, SECOND_ID, by="ada", now=NOW),
    "hold": lambda group: domain.hold(group, FIRST_ID, by="mia", now=LATER),
    "leave": lambda group: domain.leave(group, "mia", now=NOW),
    "remove": lambda group: domain.remove(group, "mia", by="ada", now=NOW),
    "end": lambda group: domain.end(group, by="ada", now=NOW),
}


@pytest.mark.parametrize("command", MACHINE.moves)
@pytest.mark.parametrize("state", MACHINE.states)
def test_a_command_moves_the_states_that_allow_it_and_is_refused_in_the_others(state: State, command: str) -> None:
    group, act = replace(opened().state, state=state, plan=PLAN), COMMANDS[command]
    if MACHINE.allows(state, command):
        decided = act(group)
        assert decided is not None
        assert (decided.state.state, decided.state.version) == (MACHINE.after(state, command), group.version + 1)
    else:
        with pytest.raises(Conflict):
            act(group)


def test_a_group_is_opened_of_two_to_twelve_active_mentorships_of_one_mentor() -> None:
    group = opened(MIA, ZOE)
    assert isinstance(group.event, GroupOpened)
    assert group.event.recipients == (MIA.as_recipient, ZOE.as_recipient)
    many = [Party(member=f"p{number}", institution="north") for number in range(MOST_MENTEES + 1)]
    for mentees in ((MIA,), tuple(many)):
        with pytest.raises(Rejected):
            opened(*mentees)


@pytest.mark.parametrize("wrong", [{"mentor": TOM}, {"programme": "fellowship"}, {"is_active": False}])
def test_a_mentorship_that_does_not_fit_is_named_by_its_position(wrong: dict[str, object]) -> None:
    with pytest.raises(Rejected) as refused:
        domain.open_group(
            [candidate(MIA), candidate(ZOE, **wrong)], id="g", mentor=ADA, programme="residency", text="x", now=NOW
        )
    assert [error.field for error in refused.value.errors] == ["mentorships.1"]


def test_a_mentorship_is_in_one_open_group_at_most() -> None:
    with pytest.raises(Conflict, match="another group"):
        domain.open_group(
            [candidate(MIA), candidate(ZOE, is_in_group=True)],
            id="g",
            mentor=ADA,
            programme="residency",
            text="x",
            now=NOW,
        )


def test_terms_are_in_force_once_all_people_have_signed_that_version() -> None:
    group = signed(opened().state, MIA, ZOE)
    assert (group.state, group.in_force) == ("forming", None)
    last = domain.sign(group, number=1, by="tom", now=NOW)
    assert last is not None
    assert (last.state.state, last.state.in_force) == ("active", last.state.terms)
    assert isinstance(last.event, GroupChanged)
    assert (last.event.what, len(last.event.recipients)) == ("terms_in_force", 3)
    assert domain.sign(last.state, number=1, by="tom", now=NOW) is None


def test_a_newer_version_leaves_the_one_in_force_until_all_have_signed_it() -> None:
    group = signed(opened().state, MIA, ZOE, TOM)
    newer = domain.propose(group, "Be on time.", by="ada", now=NOW)
    assert newer is not None
    assert (newer.state.terms.number, newer.state.in_force) == (2, group.terms)
    assert domain.propose(newer.state, "Be on time.", by="ada", now=NOW) is None
    with pytest.raises(Conflict, match="version 2"):
        domain.sign(newer.state, number=1, by="mia", now=NOW)
    assert signed(newer.state, MIA, ZOE, TOM, number=2).in_force == replace(
        newer.state.terms, signed=("ada", "mia", "zoe", "tom")
    )


def test_only_the_mentor_proposes_plans_cancels_and_ends() -> None:
    group = meeting()
    for act in (
        lambda: domain.propose(group, "x", by="mia", now=NOW),
        lambda: domain.plan_meetings(group, PLAN, by="mia", now=NOW),
        lambda: domain.cancel_one(group, SECOND_ID, by="mia", now=NOW),
        lambda: domain.end(group, by="mia", now=NOW),
        lambda: domain.leave(group, "ada", now=NOW),
    ):
        with pytest.raises(Forbidden):
            act()
    assert domain.possible(group, "mia") == ("hold", "leave")
    assert domain.possible(group, "stranger") == ()


def test_who_leaves_is_no_longer_waited_for_and_a_group_of_one_ends() -> None:
    group = signed(opened().state, MIA, ZOE)
    without = domain.leave(group, "tom", now=NOW)
    assert (without.state.state, without.state.in_force) == ("active", without.state.terms)
    assert isinstance(without.event, GroupChanged)
    assert "tom" not in {person.member for person in without.event.recipients}
    over = domain.leave(without.state, "zoe", now=NOW)
    assert (over.state.state, over.state.reason, over.state.due_at) == ("ended", "too_few", None)
    assert isinstance(over.event, GroupEnded)


def test_the_mentor_takes_out_who_does_not_sign_but_leaves_two() -> None:
    group = signed(opened().state, MIA, ZOE)
    assert "remove" in domain.possible(group, "ada")
    without = domain.remove(group, "tom", by="ada", now=NOW)
    assert without is not None
    assert (without.state.state, without.state.in_force) == ("active", without.state.terms)
    assert isinstance(without.event, GroupMenteeRemoved)
    assert [person.member for person in without.event.recipients] == ["tom"]
    assert domain.remove(without.state, "tom", by="ada", now=NOW) is None
    assert "remove" not in domain.possible(without.state, "ada")
    with pytest.raises(Conflict, match="end it instead"):
        domain.remove(without.state, "zoe", by="ada", now=NOW)
    with pytest.raises(Forbidden):
        domain.remove(group, "tom", by="mia", now=NOW)


def test_a_meeting_is_held_once_and_its_minutes_are_the_mentors() -> None:
    group = meeting()
    with pytest.raises(Conflict, match="not taken place"):
        domain.hold(group, FIRST_ID, by="mia", now=NOW)
    held = domain.hold(group, FIRST_ID, by="mia", now=FIRST)
    assert held is not None
    assert isinstance(held.event, GroupMet)
    assert (held.event.starts_at, held.event.minutes, held.event.mentor) == (FIRST, 60, ADA.as_recipient)
    assert domain.hold(held.state, FIRST_ID, by="ada", now=FIRST) is None
    for id in ("2027-02-06T17:00", "nonsense"):
        with pytest.raises(NotFound):
            domain.hold(group, id, by="mia", now=LATER)


def test_a_cancelled_meeting_is_no_meeting_and_rises_the_sequence_of_calendars() -> None:
    group = meeting()
    cancelled = domain.cancel_one(group, FIRST_ID, by="ada", now=NOW)
    assert cancelled is not None
    assert cancelled.state.sequence == group.sequence + 1
    assert domain.cancel_one(cancelled.state, FIRST_ID, by="ada", now=NOW) is None
    coming = domain.meetings_from(cancelled.state, NOW, NOW + 70 * DAY)
    assert [occurrence.id for occurrence in coming] == [SECOND_ID]
    with pytest.raises(Conflict, match="begun"):
        domain.cancel_one(group, FIRST_ID, by="ada", now=FIRST)


def test_all_are_reminded_once_of_each_meeting_and_after_an_outage_of_none_that_has_begun() -> None:
    group = meeting()
    assert group.due_at == FIRST - REMINDER
    assert domain.pass_time(group, FIRST - REMINDER - timedelta(seconds=1)) is None
    reminded = domain.pass_time(group, FIRST - REMINDER)
    assert reminded is not None
    assert isinstance(reminded.event, GroupReminded)
    assert len(reminded.event.recipients) == 4
    assert reminded.state.due_at == datetime(2027, 3, 5, 17, tzinfo=NOW.tzinfo) - REMINDER
    late = domain.pass_time(group, FIRST + 3 * DAY)
    assert late is not None
    assert late.event is None


def test_meetings_after_the_end_are_no_meetings() -> None:
    group = domain.end(meeting(), by="ada", now=LATER).state
    found = domain.meetings_from(group, NOW, NOW + 400 * DAY)
    assert [occurrence.id for occurrence in found] == [FIRST_ID]


def test_a_past_plan_is_refused() -> None:
    with pytest.raises(Rejected):
        domain.plan_meetings(signed(opened().state, MIA, ZOE, TOM), PLAN, by="ada", now=LATER)


def test_mentees_see_each_others_names_once_both_have_signed() -> None:
    group = signed(opened().state, MIA, ZOE)
    people = {
        party.member: Person(
            id=party.member,
            institution=party.institution,
            name=party.member.title(),
            locale="en",
            time_zone="UTC",
            principles="",
            is_active=True,
        )
        for party in (ADA, MIA, ZOE, TOM)
    }

    def names(member: str) -> list[str | None]:
        side = group.side_of(member)
        assert side is not None
        seen = Seen(group=group, member=member, side=side, people=people)
        return [seen.name_of(party) for party in (ADA, MIA, ZOE, TOM)]

    assert names("ada") == ["Ada", "Mia", "Zoe", "Tom"]
    assert names("mia") == ["Ada", "Mia", "Zoe", None]
    assert names("tom") == ["Ada", None, None, "Tom"]


def test_events_name_no_mentee_but_those_who_are_notified_and_no_words() -> None:
    for kind in GroupNews.__subclasses__():
        assert set(kind.model_fields) <= {"group", "programme", "mentor", "recipients", "what", "starts_at", "reason"}
    planned = domain.plan_meetings(signed(opened().state, MIA, ZOE, TOM), PLAN, by="ada", now=NOW)
    assert planned.event is not None
    assert not any(text in planned.event.model_dump_json() for text in ("Be kind", "Library", "call.example"))
