"""Who may be suggested to whom."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel import rules
from services.matching.kernel.participants import (
    Assessment,
    Institution,
    Member,
    Person,
    Policy,
    Preferences,
    Programme,
    Terms,
)
from services.matching.kernel.shards import SHARDS
from services.matching.suggestions.index.network import Network
from shared.contracts.profiles import DAYS
from tests.depth import examples
from tests.unit.matching_people import (
    CARE,
    EAST,
    NORTH,
    PEOPLE,
    SOUTH,
    assessments,
    institutions,
    members,
    mentee,
    mentor,
    naive,
    policy,
    preferences,
    programmes,
)

EXCHANGING = (
    Institution(id=NORTH, exchanges_with=frozenset({SOUTH})),
    Institution(id=SOUTH, exchanges_with=frozenset({NORTH})),
)


def test_no_rule_keeps_a_fitting_pair_apart() -> None:
    assert rules.broken(mentee(), mentor(), policy()) is None


@pytest.mark.parametrize(
    ("who", "other", "code"),
    [
        (mentee(), mentor(is_active=False), "no_mentor_in_programme"),
        (mentee(), mentor(mentors_in=frozenset({"other"})), "no_mentor_in_programme"),
        (mentee(mentors_in=frozenset({CARE})), mentor("ana"), "no_mentor_in_programme"),
        (mentee(is_paused=True), mentor(), "paused"),
        (mentee(topics_wanted=frozenset()), mentor(), "profile_incomplete"),
        (mentee(languages=frozenset()), mentor(), "profile_incomplete"),
        (mentee(), mentor(is_paused=True), "not_available"),
        (mentee(), mentor(capacity=0), "not_available"),
        (mentee(), mentor(hours=0), "not_available"),
        (mentee(), mentor(languages=frozenset({"de"})), "no_common_language"),
        (mentee(), mentor(formats=frozenset({"phone"})), "no_common_format"),
        (mentee(never=["milo"]), mentor(), "not_available"),
        (mentee(), mentor(never=["ana"]), "not_available"),
        (mentee(), mentor(institution=SOUTH), "none_allowed_between_institutions"),
        (mentee(), mentor(languages=frozenset({"de"}), capacity=0, never=["ana"]), "no_common_language"),
    ],
)
def test_each_rule_keeps_a_pair_apart(who: Person, other: Person, code: str) -> None:
    assert rules.broken(who, other, policy()) == code


@pytest.mark.parametrize(("where", "code"), [(CARE, "not_available"), ("other", None)])
def test_an_evaluator_does_not_mentor_the_assessed_member_where_it_counts(where: str, code: str | None) -> None:
    who = replace(mentee(), firewall={where: frozenset({"milo"})})
    assert rules.broken(who, mentor(), policy()) == code


def test_a_pair_across_institutions_needs_both_institutions_and_both_people() -> None:
    here, there = mentee(across_institutions=True), mentor(institution=SOUTH, across_institutions=True)
    assert rules.broken(here, there, policy(*EXCHANGING)) is None
    assert rules.broken(mentee(), there, policy(*EXCHANGING)) == "none_allowed_between_institutions"
    assert rules.broken(here, mentor(institution=SOUTH), policy(*EXCHANGING)) == "not_available"
    one_sided = (EXCHANGING[0], Institution(id=SOUTH))
    assert rules.broken(here, there, policy(*one_sided)) == "none_allowed_between_institutions"
    not_admitted = policy(*EXCHANGING, admits=frozenset({NORTH}))
    assert rules.broken(here, there, not_admitted) == "none_allowed_between_institutions"


@pytest.mark.parametrize(
    ("ours", "theirs", "code"),
    [
        (Terms(), Terms(), None),
        (Terms(gives=False), Terms(receives=False), None),
        (Terms(receives=False), Terms(), "none_allowed_between_institutions"),
        (Terms(), Terms(gives=False), "none_allowed_between_institutions"),
    ],
)
def test_an_exchange_is_checked_from_the_mentors_to_the_mentees_institution(
    ours: Terms, theirs: Terms, code: str | None
) -> None:
    here, there = mentee(across_institutions=True), mentor(institution=SOUTH, across_institutions=True)
    north, south = EXCHANGING
    known = policy(replace(north, terms={SOUTH: ours}), replace(south, terms={NORTH: theirs}))
    assert rules.broken(here, there, known) == code
    network, _, _ = network_of(known.programme, list(known.institutions.values()), [here.member, there.member], [], [])
    assert network.pool(CARE).shortlist("ana").unmatched == code


def test_people_of_two_institutions_do_not_meet_in_person() -> None:
    formats = frozenset({"in_person"})
    here = mentee(across_institutions=True, formats=formats)
    there = mentor(institution=SOUTH, across_institutions=True, formats=formats)
    assert rules.broken(here, there, policy(*EXCHANGING)) == "no_common_format"
    assert rules.broken(here, mentor(formats=formats), policy(*EXCHANGING)) is None


def test_an_empty_list_is_explained_by_the_rule_that_kept_out_the_last_one() -> None:
    full, foreign = mentor("full", capacity=0), mentor("foreign", languages=frozenset({"de"}))
    assert rules.reason_for_none(mentee(), [], policy()) == "no_mentor_in_programme"
    assert rules.reason_for_none(mentee(), [full], policy()) == "not_available"
    assert rules.reason_for_none(mentee(), [foreign], policy()) == "no_common_language"
    assert rules.reason_for_none(mentee(), [foreign, full], policy()) == "not_available"


def network_of(
    programme: Programme,
    known: list[Institution],
    people: list[Member],
    private: list[Preferences],
    assessing: list[Assessment],
) -> tuple[Network, Policy, list[Person]]:
    network = Network()
    network.hold(range(SHARDS))
    for state in (*known, programme, *private, *people, *assessing):
        network.put(state)
    wishes = {preferences.member: preferences for preferences in private}
    persons = [
        Person(
            person, wishes.get(person.id, Preferences(member=person.id)), firewall={CARE: _around(person.id, assessing)}
        )
        for person in people
    ]
    return network, Policy(programme, {institution.id: institution for institution in known}), persons


def _around(id: str, assessing: list[Assessment]) -> frozenset[str]:
    both = [{rotation.assessor, rotation.assessed} for rotation in assessing if CARE in rotation.programmes]
    return frozenset(other for pair in both if id in pair for other in pair - {id})


@examples(150)
@given(
    programme=programmes(),
    known=st.tuples(institutions(NORTH), institutions(SOUTH), institutions(EAST)),
    people=st.tuples(*(members(id) for id in PEOPLE)),
    private=st.tuples(*(preferences(id) for id in PEOPLE[:4])),
    assessing=st.lists(assessments(), max_size=6, unique_by=lambda rotation: rotation.id),
)
def test_lists_from_columns_equal_lists_computed_pair_by_pair(
    programme: Programme,
    known: tuple[Institution, ...],
    people: tuple[Member, ...],
    private: tuple[Preferences, ...],
    assessing: list[Assessment],
) -> None:
    network, policy, persons = network_of(programme, list(known), list(people), list(private), assessing)
    for who in persons:
        if CARE in who.member.mentee_in:
            assert network.pool(CARE).shortlist(who.id) == naive(who, persons, policy), who


def test_more_common_hours_and_topics_than_a_byte_counts_do_not_overflow() -> None:
    always, much = frozenset(f"{day}-00-24" for day in DAYS), frozenset(f"topic-{number}" for number in range(300))
    mine = Preferences(member="ana", topics_most_wanted=much)
    people = [
        mentee(available=always, topics_wanted=much).member,
        *(mentor(f"m{n}", available=always, topics_offered=frozenset(sorted(much)[n:])).member for n in range(3)),
    ]
    network, known, persons = network_of(policy().programme, [Institution(id=NORTH)], people, [mine], [])
    assert network.pool(CARE).shortlist("ana") == naive(persons[0], persons, known)


@pytest.mark.parametrize(("where", "unmatched"), [(CARE, "not_available"), ("other", None)])
def test_the_index_keeps_evaluator_and_assessed_member_apart(where: str, unmatched: str | None) -> None:
    assessment = Assessment(id="r", assessor="ana", assessed="milo", sequence=1, programmes=frozenset({where}))
    known = policy()
    people = [mentee().member, mentor().member]
    network, _, _ = network_of(known.programme, list(known.institutions.values()), people, [], [assessment])
    assert network.pool(CARE).shortlist("ana").unmatched == unmatched
