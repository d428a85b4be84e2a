"""What rows make of the members there are."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.merging import Import, Outcome, merge
from services.profiles.rosters.domain.reading import Row
from shared.contracts.profiles import Enrolment
from shared.scope import Scope

_rosters = count()
_WHOLE = Scope(institution="here", is_whole=True)


def imported(
    known: Sequence[Member],
    *profiles: Profile,
    authoritative: Sequence[str] = (),
    roster: str | None = None,
    scope: Scope = _WHOLE,
    reactivate: bool = False,
    same_person: Sequence[str] = (),
) -> list[Outcome]:
    ids = (f"new{number}" for number in count())
    return merge(
        [Row(line=line, profile=profile) for line, profile in enumerate(profiles, 2)],
        [Versioned(member, 1) for member in known],
        Import(
            roster=roster or f"roster{next(_rosters)}",
            scope=scope,
            authoritative=frozenset(authoritative),
            reactivate=reactivate,
            same_person=frozenset(same_person),
        ),
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


def test_an_unknown_person_is_registered() -> None:
    (outcome,) = imported([], person(capacity=2))
    assert outcome.verdict == "created"
    assert outcome.after is not None
    assert (outcome.after.capacity, outcome.after.institution) == (2, "here")


def test_a_programme_closed_since_the_upload_gains_and_loses_no_members() -> None:
    care = person(enrolments=[{"programme": "care", "roles": ["mentor"]}])
    job = Import(roster="r", scope=_WHOLE, authoritative=frozenset(), closed=frozenset({"care"}))
    row = Row(line=2, profile=care)
    (refused,) = merge([row], [], job, new_id=lambda: "new", taken={})
    assert (refused.verdict, refused.after) == ("refused", None)
    assert "not active programmes" in refused.reasons[0].message
    (stays,) = merge([row], [Versioned(after(care), 1)], job, new_id=lambda: "new", taken={})
    assert (stays.verdict, stays.member) == ("unchanged", "new0")


def test_merging_the_same_row_again_changes_nothing() -> None:
    (outcome,) = imported([after(person(capacity=2))], person(capacity=2))
    assert (outcome.verdict, outcome.after) == ("unchanged", None)


def test_a_new_value_replaces_what_an_earlier_roster_set() -> None:
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


def test_values_entered_before_any_import_stay() -> None:
    typed = Member(id="ada", institution="here", name="Ada Lovelace", email="ada@x.org", capacity=4)
    (outcome,) = imported([typed], person(capacity=1, stage="resident"))
    assert outcome.kept == ("name", "capacity")
    assert outcome.after is not None
    assert (outcome.after.name, outcome.after.capacity, outcome.after.stage) == ("Ada Lovelace", 4, "resident")


def test_roles_of_two_files_are_merged() -> None:
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


def test_external_id_takes_precedence_over_email() -> None:
    ada = replace(after(person(external_id="7")), id="ada")
    (outcome,) = imported([ada], person(external_id="7", email="new@x.org"))
    assert outcome.after is not None
    assert (outcome.member, outcome.after.email) == ("ada", "new@x.org")


def test_a_row_that_matches_two_members_or_another_person_is_refused() -> None:
    ada = replace(after(person(external_id="7")), id="ada")
    bob = replace(after(person(external_id="8", email="bob@x.org")), id="bob")
    both, other = imported(
        [ada, bob], person(external_id="7", email="bob@x.org"), person(external_id="9", email="bob@x.org")
    )
    assert [both.verdict, other.verdict] == ["refused", "refused"]
    assert "two different members" in both.reasons[0].message
    assert "another external_id" in other.reasons[0].message


def test_two_rows_for_the_same_member_are_refused_even_in_different_chunks() -> None:
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


_A, _B = ({"programme": name, "roles": ["mentee"]} for name in "ab")
_LIMITED = Scope(institution="here", programmes=frozenset("a"))


@settings(max_examples=200)
@given(
    enrolled=st.sets(st.sampled_from("abc")),
    changed=st.dictionaries(
        st.sampled_from(["name", "specialty", "languages", "topics_wanted", "capacity", "external_id"]), st.booleans()
    ),
    by=st.sampled_from(["email", "external_id"]),
    force=st.booleans(),
)
def test_a_roster_of_a_programme_changes_nothing_outside_it(
    enrolled: set[str], changed: dict[str, bool], by: str, *, force: bool
) -> None:
    enrolments = tuple(Enrolment(programme=name, roles=("mentor",)) for name in sorted(enrolled))
    ada = Member(
        id="ada", institution="here", name="Ada", email="ada@x.org", external_id="1", enrolments=enrolments, capacity=3
    )
    fields = {"name": "", "specialty": None, "languages": (), "topics_wanted": (), "capacity": 0, "external_id": "1"}
    expected = {name: getattr(ada, name) if same else fields[name] for name, same in changed.items() if name != "name"}
    expected |= {"email": "ada@x.org"} if by == "email" else {"email": "new@x.org", "external_id": "1"}
    row = Profile.model_validate({"name": "Eve" if "name" in changed else "Ada", "enrolments": [_A], **expected})
    authoritative = Profile.model_fields if force else ()
    (outcome,) = imported([ada], row, authoritative=tuple(authoritative), scope=_LIMITED)
    after = outcome.after or ada
    if not enrolled & {"a"}:
        assert (outcome.verdict, after, outcome.member) == ("refused", ada, None)
    elif enrolled - {"a"}:
        assert replace(after, enrolments=enrolments, imported={}) == ada
    assert {enrolment for enrolment in after.enrolments if enrolment.programme != "a"} == {
        enrolment for enrolment in enrolments if enrolment.programme != "a"
    }


def test_members_outside_the_programme_are_not_revealed_by_the_refusal() -> None:
    inside = Member(id="ada", institution="here", name="Ada", email="ada@x.org", enrolments=(Enrolment(**_A),))
    outside = Member(id="eve", institution="here", name="Eve", email="eve@x.org", external_id="9")
    both = person(external_id="9", enrolments=[_A])
    alone = person(email="eve@x.org", enrolments=[_A])
    (matched,), (other,) = (imported([inside, outside], row, scope=_LIMITED) for row in (both, alone))
    assert matched.reasons == other.reasons
    assert matched.verdict == "refused"


def numbered(number: str, email: str, **fields: object) -> Profile:
    return person(external_id=number, email=email, **fields)


def two_known() -> list[Member]:
    outcomes = imported([], numbered("1", "a@x.org"), numbered("2", "b@x.org"), numbered("3", "c@x.org"))
    return [outcome.after for outcome in outcomes if outcome.after]


def test_a_swap_and_a_chain_of_addresses_are_taken_as_a_whole() -> None:
    swap = imported(two_known(), numbered("1", "b@x.org"), numbered("2", "a@x.org"))
    assert [outcome.verdict for outcome in swap] == ["updated", "updated"]
    chain = imported(two_known(), numbered("1", "b@x.org"), numbered("2", "c@x.org"), numbered("3", "d@x.org"))
    assert [outcome.after.email for outcome in chain if outcome.after] == ["b@x.org", "c@x.org", "d@x.org"]


def test_a_chain_ends_where_a_member_keeps_the_address() -> None:
    blocked = imported(two_known(), numbered("1", "b@x.org"), numbered("2", "c@x.org"), numbered("3", "c@x.org"))
    assert [outcome.verdict for outcome in blocked] == ["refused", "refused", "unchanged"]


def test_an_address_that_its_member_edited_is_not_given_away() -> None:
    first, second, _ = two_known()
    edited = replace(second, email="own@x.org")
    outcomes = imported([first, edited], numbered("1", "own@x.org"), numbered("2", "b@x.org"))
    assert [outcome.verdict for outcome in outcomes] == ["refused", "unchanged"]


def test_a_new_staff_number_is_a_question_that_the_coordinator_answers() -> None:
    known = two_known()
    (refused,) = imported(known, numbered("9", "a@x.org"))
    assert "under `same_person`" in refused.reasons[0].message
    assert "zeros" not in refused.reasons[0].message
    (other,) = imported(known, numbered("9", "a@x.org"), same_person=["8"])
    assert other.verdict == "refused"
    answers: list[dict[str, Sequence[str]]] = [{"authoritative": ["external_id"]}, {"same_person": ["9"]}]
    for answer in answers:
        (outcome,) = imported(known, numbered("9", "a@x.org"), **answer)
        assert outcome.after is not None
        assert (outcome.verdict, outcome.member, outcome.after.external_id) == ("updated", known[0].id, "9")


def test_zeros_that_a_spreadsheet_removed_are_warned_of() -> None:
    (created,) = imported([], numbered("00123", "z@x.org"))
    assert created.after is not None
    (refused,) = imported([created.after], numbered("123", "z@x.org"))
    assert "zeros at the start, which spreadsheets remove" in refused.reasons[0].message


def test_an_inactive_member_stays_so_and_the_verdict_says_how_to_change_that() -> None:
    gone = replace(after(person(capacity=2)), status="inactive")
    (outcome,) = imported([gone], person(capacity=3))
    assert outcome.after is not None
    assert (outcome.verdict, outcome.after.status) == ("updated", "inactive")
    assert "import the file with `reactivate`" in outcome.reasons[0].message


def test_a_rehired_member_is_reactivated_if_the_import_says_so() -> None:
    gone = replace(after(person(capacity=2)), status="inactive")
    (outcome,) = imported([gone], person(capacity=2), reactivate=True)
    assert outcome.after is not None
    assert (outcome.verdict, outcome.after.status) == ("updated", "active")
    assert outcome.reasons[0].message == "was inactive and is active again"
    (again,) = imported([outcome.after], person(capacity=2), reactivate=True)
    assert (again.verdict, again.reasons) == ("unchanged", ())


def test_a_limited_coordinator_reactivates_no_member_of_other_programmes() -> None:
    shared = Member(
        id="ada",
        institution="here",
        name="Ada",
        email="ada@x.org",
        status="inactive",
        enrolments=(Enrolment(**_A), Enrolment(**_B)),
    )
    (outcome,) = imported([shared], person(enrolments=[_A]), reactivate=True, scope=_LIMITED)
    assert (outcome.after or shared).status == "inactive"
    assert "is inactive and stays so" in outcome.reasons[0].message
