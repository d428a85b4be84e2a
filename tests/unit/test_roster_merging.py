"""What rows make of the members there are."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from services.profiles.domain.aggregate import Versioned
from services.profiles.domain.fields import Profile
from services.profiles.domain.members import Member
from services.profiles.domain.roster.merging import Import, Outcome, merge
from services.profiles.domain.roster.reading import Row
from shared.contracts.profiles import Enrolment

_rosters = count()


def imported(
    known: Sequence[Member], *profiles: Profile, authoritative: Sequence[str] = (), roster: str | None = None
) -> list[Outcome]:
    ids = (f"new{number}" for number in count())
    return merge(
        [Row(line=line, told=profile) for line, profile in enumerate(profiles, 2)],
        [Versioned(member, 1) for member in known],
        Import(roster=roster or f"roster{next(_rosters)}", institution="here", authoritative=frozenset(authoritative)),
        new_id=lambda: next(ids),
        taken={},
    )


def person(**fields: object) -> Profile:
    return Profile.model_validate({"name": "Ada", "email": "ada@x.org", **fields})


def after(*profiles: Profile) -> Member:
    """Ada, as these imports have left her."""
    member: Member | None = None
    for profile in profiles:
        (outcome,) = imported([member] if member else [], profile)
        member = outcome.after or member
    assert member is not None
    return member


def test_somebody_unknown_is_registered() -> None:
    (outcome,) = imported([], person(capacity=2))
    assert outcome.verdict == "created"
    assert outcome.after is not None
    assert (outcome.after.capacity, outcome.after.institution) == (2, "here")


def test_nobody_joins_a_programme_that_closed_since_the_file_came_and_whoever_is_in_it_stays() -> None:
    care = person(enrolments=[{"programme": "care", "roles": ["mentor"]}])
    job = Import(roster="r", institution="here", authoritative=frozenset(), closed=frozenset({"care"}))
    row = Row(line=2, told=care)
    (refused,) = merge([row], [], job, new_id=lambda: "new", taken={})
    assert (refused.verdict, refused.after) == ("refused", None)
    assert "no active programme" in refused.reasons[0].message
    (stays,) = merge([row], [Versioned(after(care), 1)], job, new_id=lambda: "new", taken={})
    assert (stays.verdict, stays.member) == ("unchanged", "new0")


def test_the_same_again_changes_nothing() -> None:
    (outcome,) = imported([after(person(capacity=2))], person(capacity=2))
    assert (outcome.verdict, outcome.after) == ("unchanged", None)


def test_a_new_value_goes_over_what_a_roster_said_last() -> None:
    assert after(person(capacity=2), person(capacity=3)).capacity == 3


def test_an_own_edit_stays_and_is_named() -> None:
    edited = replace(after(person(capacity=2)), capacity=5)
    (outcome,) = imported([edited], person(capacity=3))
    assert (outcome.verdict, outcome.kept, outcome.after) == ("unchanged", ("capacity",), None)


def test_an_own_edit_of_an_authoritative_field_does_not_stay() -> None:
    edited = replace(after(person(capacity=2)), capacity=5)
    (outcome,) = imported([edited], person(capacity=3), authoritative=["capacity"])
    assert outcome.after is not None
    assert outcome.after.capacity == 3


def test_what_somebody_typed_before_any_import_is_theirs() -> None:
    typed = Member(id="ada", institution="here", name="Ada Lovelace", email="ada@x.org", capacity=4)
    (outcome,) = imported([typed], person(capacity=1, stage="resident"))
    assert outcome.kept == ("name", "capacity")
    assert outcome.after is not None
    assert (outcome.after.name, outcome.after.capacity, outcome.after.stage) == ("Ada Lovelace", 4, "resident")


def test_roles_of_two_files_come_together() -> None:
    mentor = person(enrolments=[Enrolment(programme="p", roles=("mentor",))])
    mentee = person(
        enrolments=[Enrolment(programme="p", roles=("mentee",)), Enrolment(programme="q", roles=("mentee",))]
    )
    assert after(mentor, mentee).enrolments == (
        Enrolment(programme="p", roles=("mentee", "mentor")),
        Enrolment(programme="q", roles=("mentee",)),
    )


def test_a_role_that_was_taken_away_since_stays_away_unless_enrolments_are_authoritative() -> None:
    mentor = person(enrolments=[Enrolment(programme="p", roles=("mentor",))])
    left = replace(after(mentor), enrolments=())
    (outcome,) = imported([left], mentor)
    assert (outcome.verdict, outcome.after) == ("unchanged", None)
    (forced,) = imported([left], mentor, authoritative=["enrolments"])
    assert forced.after is not None
    assert forced.after.enrolments == mentor.enrolments


def test_external_id_goes_before_email() -> None:
    ada = replace(after(person(external_id="7")), id="ada")
    (outcome,) = imported([ada], person(external_id="7", email="new@x.org"))
    assert outcome.after is not None
    assert (outcome.member, outcome.after.email) == ("ada", "new@x.org")


def test_a_row_that_means_two_members_or_somebody_else_is_refused() -> None:
    ada = replace(after(person(external_id="7")), id="ada")
    bob = replace(after(person(external_id="8", email="bob@x.org")), id="bob")
    both, other = imported(
        [ada, bob], person(external_id="7", email="bob@x.org"), person(external_id="9", email="bob@x.org")
    )
    assert [both.verdict, other.verdict] == ["refused", "refused"]
    assert "two different members" in both.reasons[0].message
    assert "another external_id" in other.reasons[0].message


def test_two_rows_for_one_member_are_one_too_many_even_in_different_chunks() -> None:
    ada = replace(after(person(external_id="7")), id="ada")
    first, second = imported([ada], person(external_id="7", email="new@x.org"), person(), roster="r")
    assert second.reasons[0].message == "is the same person as line 2"
    assert first.after is not None
    (later,) = imported([first.after], person(email="new@x.org"), roster="r")
    assert later.reasons[0].message == "is the same person as line 2"


_profiles = st.builds(
    lambda capacity, topics, stage, roles: person(
        **({} if capacity is None else {"capacity": capacity}),
        **({} if topics is None else {"topics_wanted": topics}),
        **({} if stage is None else {"stage": stage}),
        **({} if roles is None else {"enrolments": [{"programme": "p", "roles": roles}]}),
    ),
    st.none() | st.integers(0, 50),
    st.none() | st.lists(st.sampled_from(["ecg", "research", "rest"]), max_size=3),
    st.none() | st.sampled_from(["student", "resident"]),
    st.none() | st.sampled_from([["mentor"], ["mentee"], ["mentor", "mentee"]]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_profiles, min_size=1, max_size=4), st.integers(0, 50))
def test_after_any_history_the_last_file_again_changes_nothing(history: list[Profile], own: int) -> None:
    member = replace(after(*history[:1]), capacity=own)
    for profile in history:
        (outcome,) = imported([member], profile)
        member = outcome.after or member
    (again,) = imported([member], history[-1])
    assert (again.verdict, again.after) == ("unchanged", None)
