"""The invented network: reproducible, plausible, and as long as one asks."""

from collections import Counter
from itertools import islice

from deploy.demo.network import ACROSS, INSTITUTIONS, PROGRAMMES, people


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    assert list(people(50, seed=1)) == list(people(50, seed=1))
    assert list(people(50, seed=1)) != list(people(50, seed=2))


def test_a_larger_network_begins_with_the_people_of_a_smaller() -> None:
    assert list(people(10_000))[:400] == list(people(400))


def test_people_come_one_at_a_time() -> None:
    endless = people(10**9)
    assert len(list(islice(endless, 3))) == 3


def test_there_are_four_institutions_and_three_programmes_of_which_one_crosses() -> None:
    assert len(INSTITUTIONS) == 4
    assert [programme.id for programme in PROGRAMMES if len(programme.admits) > 1] == [ACROSS]
    assert set(Counter(person.institution for person in people())) == {institution.id for institution in INSTITUTIONS}


def test_every_person_is_enrolled_where_their_institution_is_admitted() -> None:
    admits = {programme.id: programme.admits for programme in PROGRAMMES}
    assert all(person.programmes for person in people())
    assert all(person.institution in admits[programme] for person in people() for programme in person.programmes)


def test_about_a_third_mentor_and_some_do_both() -> None:
    members = list(people(4_000))
    mentors = sum("mentor" in person.roles for person in members)
    both = sum(len(person.roles) == 2 for person in members)
    assert 0.30 < mentors / 4_000 < 0.40
    assert 0.04 < both / 4_000 < 0.15


def test_some_mentors_are_full_and_some_have_one_seat() -> None:
    capacities = Counter(person.capacity for person in people() if "mentor" in person.roles)
    assert capacities[0] > 5
    assert capacities[1] > 20
    assert sum(capacities.values()) - capacities[0] > 100


def test_a_few_mentees_speak_what_no_mentor_does_and_a_few_have_named_no_topics() -> None:
    members = list(people())
    spoken = {language for person in members if "mentor" in person.roles for language in person.languages}
    lonely = [person for person in members if not spoken & set(person.languages)]
    silent = [person for person in members if "mentee" in person.roles and not person.topics_wanted]
    assert 2 <= len(lonely) <= 15
    assert 1 <= len(silent) <= 15


def test_addresses_and_staff_numbers_are_unique() -> None:
    members = list(people(10_000))
    assert len({person.email for person in members}) == 10_000
    assert len({person.external_id for person in members}) == 10_000
