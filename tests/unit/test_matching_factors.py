"""Each factor alone: what it counts, what it does not, and that some things count nowhere."""

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel import reasons, scoring, specialties
from services.matching.kernel.columns import Side
from services.matching.kernel.hours import HALF_HOURS, half_hours
from services.matching.kernel.participants import Institution, Member, Person, Preferences, weights_for
from services.matching.kernel.shards import SHARDS
from services.matching.projections.repository import member_of, preferences_of
from services.matching.suggestions.domain import Shortlist
from services.matching.suggestions.index.network import Network
from shared.contracts.catalogue import EVENTS
from shared.contracts.profiles import FACTORS, Factor, MemberChanged, PreferencesChanged
from tests.unit.matching_people import CARE, NORTH, mentee, mentor, naive, policy


def factor(name: Factor, who: Person, other: Person) -> int:
    return scoring.factors_of(who, other)[FACTORS.index(name)]


def listed(who: Person, other: Person) -> Shortlist:
    """The list that the index makes of this pair."""
    network = Network()
    network.hold(range(SHARDS))
    for state in (Institution(id=NORTH), policy().programme, who.member, who.private, other.member, other.private):
        network.put(state)
    return network.pool(CARE).shortlist(who.id)


def words(names: Iterable[str]) -> set[str]:
    return {word for name in names for word in re.split(r"[^a-z]+", name.lower())}


def test_title_rank_and_citations_do_not_exist_in_the_model() -> None:
    known = [field.name for model in (Member, Preferences, Side) for field in fields(model)]
    published = [
        name for event in EVENTS.values() if event.TOPIC.startswith("profiles.") for name in event.model_fields
    ]
    prestige = {"title", "rank", "ranking", "citation", "citations", "index", "publications", "impact", "reputation"}
    prestige |= {"awards", "grants", "salary", "prestige", "seniority", "rating", "degree", "professor"}
    assert not words([*known, *published, *FACTORS]) & prestige


def test_a_most_wanted_topic_counts_double() -> None:
    who = mentee(topics_wanted=frozenset("abc"), topics_most_wanted=frozenset("ax"))
    assert factor("topics", who, mentor(topics_offered=frozenset("a"))) == 50
    assert factor("topics", who, mentor(topics_offered=frozenset("bc"))) == 50
    assert factor("topics", who, mentor(topics_offered=frozenset("x"))) == 0


def test_a_wanted_topic_that_is_only_near_counts_half() -> None:
    who = mentee(topics_wanted=frozenset("abc"), topics_most_wanted=frozenset("a"))
    assert factor("topics", who, mentor(topics_offered=frozenset(), topics_near=frozenset("a"))) == 25
    assert factor("topics", who, mentor(topics_offered=frozenset("a"), topics_near=frozenset("bx"))) == 62
    assert factor("topics", who, mentor(topics_offered=frozenset(), topics_near=frozenset("abc"))) == 50


def test_64_wanted_topics_that_all_count_double_are_added_without_overflow() -> None:
    topics = frozenset(f"topic-{number}" for number in range(64))
    who, other = mentee(topics_wanted=topics, topics_most_wanted=topics), mentor(topics_offered=topics)
    [entry] = listed(who, other).entries
    assert entry.contributions[0] == 100 * 100


@pytest.mark.parametrize(
    ("mine", "other", "near"),
    [
        ("cardiology", "cardiology", 100),
        ("paediatrics", "pediatrics", 100),
        ("cardiology", "internal-medicine", 75),
        ("internal-medicine", "oncology", 75),
        ("cardiology", "nephrology", 50),
        ("cardiology", "pediatrics", 20),
        ("cardiology", "urology", 0),
        ("sailing", "sailing", 100),
        ("sailing", "rowing", 0),
        ("sailing", "cardiology", 0),
        (None, None, 0),
    ],
)
def test_nearness_of_specialties_follows_the_tree(mine: str | None, other: str | None, near: int) -> None:
    assert factor("specialty", mentee(specialty=mine), mentor(specialty=other)) == near
    assert factor("specialty", mentee(specialty=other), mentor(specialty=mine)) == near


def test_the_tree_names_each_specialty_once_and_every_other_name_leads_into_it() -> None:
    written = [
        term
        for branch in specialties.TREE.values()
        for name, within in branch.items()
        for term in (name, *within.split())
    ]
    assert len(written) == len(set(written)) == len(specialties.PATHS)
    assert set(specialties.ALSO_CALLED.values()) <= set(written)
    assert not set(specialties.ALSO_CALLED) & set(written)


def test_one_to_three_stages_ahead_score_best_and_reverse_mentoring_inverts_that() -> None:
    resident = {"stage": "resident"}
    stages = ("student", "resident", "fellow", "early_career", "attending", "senior")
    seen = [factor("stage", mentee(**resident), mentor(stage=stage)) for stage in stages]
    assert min(seen[2:5]) > max(*seen[:2], seen[5])
    senior = mentee(stage="senior", reverse_mentoring=True)
    assert factor("stage", senior, mentor(stage="fellow")) > factor("stage", senior, mentor(stage="senior"))
    assert factor("stage", senior, mentor(stage="retired")) == 0


def test_hours_in_common_are_found_across_zones() -> None:
    vienna = mentee(available=frozenset({"fri-17-20"}), time_zone="Europe/Vienna")
    new_york = mentor(available=frozenset({"fri-11-13"}), time_zone="America/New_York")
    assert factor("availability", vienna, new_york) == 100
    assert "Is free when you are, for 2 hours a week." in reasons.reasons(vienna, new_york)
    assert factor("availability", vienna, mentor(available=frozenset({"fri-17-20"}), time_zone="Asia/Tokyo")) == 0


def in_zone(zone: str, *available: str) -> dict[str, Any]:
    return {"time_zone": zone, "available": frozenset(available)}


@pytest.mark.parametrize(
    ("mine", "other", "near", "reason"),
    [
        ("Europe/Vienna", "Europe/Paris", 100, "Is in your time zone."),
        ("Australia/Sydney", "Australia/Brisbane", 96, "Is up to 1 hour behind your time zone."),
        ("Australia/Brisbane", "Australia/Sydney", 96, "Is up to 1 hour ahead of your time zone."),
        ("Africa/Lagos", "Europe/Vienna", 96, "Is up to 1 hour ahead of your time zone."),
        ("America/Phoenix", "America/Denver", 95, "Is up to 1 hour ahead of your time zone."),
        ("America/New_York", "Europe/London", 59, "Is 4 to 5 hours ahead of your time zone."),
        ("Europe/London", "Australia/Sydney", 18, "Is 9 to 11 hours ahead of your time zone."),
        ("Asia/Kolkata", "UTC", 55, "Is 5.5 hours behind your time zone."),
        ("Pacific/Kiritimati", "Pacific/Honolulu", 100, "Is in your time zone."),
    ],
)
def test_clocks_are_compared_over_a_whole_year(mine: str, other: str, near: int, reason: str) -> None:
    assert factor("time_zone", mentee(time_zone=mine), mentor(time_zone=other)) == near
    assert factor("time_zone", mentee(time_zone=other), mentor(time_zone=mine)) == near
    assert reason in reasons.reasons(mentee(time_zone=mine), mentor(time_zone=other))


@pytest.mark.parametrize(
    ("mine", "other", "counts"),
    [
        (in_zone("Australia/Sydney", "fri-17-19"), in_zone("Australia/Brisbane", "fri-17-19"), 75),
        (in_zone("Europe/Vienna", "fri-17-19"), in_zone("Africa/Lagos", "fri-17-19"), 75),
        (in_zone("Europe/Vienna", "fri-17-18"), in_zone("Africa/Lagos", "fri-17-18"), 25),
        (in_zone("Europe/Vienna", "fri-17-19"), in_zone("Europe/Paris", "fri-17-19"), 100),
        (in_zone("Europe/London", "mon-08-10"), in_zone("Australia/Sydney", "mon-18-20"), 50),
        (in_zone("Europe/Vienna", "fri-01-20"), in_zone("Africa/Lagos", "fri-01-20"), 100),
    ],
)
def test_hours_in_common_count_in_both_halves_of_the_year(mine: Any, other: Any, counts: int) -> None:
    assert factor("availability", mentee(**mine), mentor(**other)) == counts
    assert factor("availability", mentee(**other), mentor(**mine)) == counts


def test_a_reason_says_how_many_hours_are_in_common_at_least_and_at_most() -> None:
    who, other = mentee(**in_zone("Europe/Vienna", "fri-17-19")), mentor(**in_zone("Africa/Lagos", "fri-17-19"))
    assert "Is free when you are, for 1 to 2 hours a week." in reasons.reasons(who, other)


def test_unknown_hours_count_half() -> None:
    hours = frozenset({"fri-17-20"})
    assert factor("availability", mentee(available=hours), mentor()) == 50
    assert factor("availability", mentee(), mentor(available=hours)) == 50


@given(
    day=st.sampled_from(["mon", "sun"]),
    hour=st.integers(0, 23),
    offset=st.integers(-12 * 4, 14 * 4).map(lambda q: q * 15),
)
def test_an_hour_is_two_half_hours_of_the_week_in_every_zone(day: str, hour: int, offset: int) -> None:
    slots = half_hours([f"{day}-{hour:02}-{hour + 1:02}"], offset_minutes=offset)
    assert len(slots) == 2
    assert all(0 <= slot < HALF_HOURS for slot in slots)


def test_a_time_that_ends_before_it_begins_is_ignored() -> None:
    assert half_hours(["fri-20-17"], offset_minutes=0) == frozenset()


def test_identity_counts_only_where_the_mentee_asks_and_the_mentor_shares_it() -> None:
    group = frozenset({"first-generation"})
    who, other = mentee(identity=group, wishes_shared_identity=True), mentor(identity=group)
    assert factor("identity", who, other) == 100
    assert factor("identity", mentee(identity=group), other) == 0
    assert factor("identity", who, mentor(wishes_shared_identity=True)) == 0
    assert factor("identity", mentee(wishes_shared_identity=True), mentor()) == 0


def test_only_a_person_and_no_programme_sets_the_weight_of_identity() -> None:
    who = {"identity": frozenset({"parent"}), "wishes_shared_identity": True}
    programme = policy(weights={"identity": 100}).programme
    assert weights_for(mentee(), programme)[-1] == 0
    assert weights_for(mentee(**who), programme) == weights_for(mentee(**who), policy().programme)
    assert weights_for(mentee(**who, weights={"identity": 7}), programme)[-1] == 7


def test_a_shared_identity_orders_a_list_and_neither_opens_nor_closes_one() -> None:
    who = mentee(identity=frozenset({"parent"}), wishes_shared_identity=True, topics_wanted=frozenset("ab"))
    near = mentor("near", topics_offered=frozenset("ab"))
    shares = mentor("shares", topics_offered=frozenset("a"), identity=frozenset({"parent"}))
    mentors = [near, shares]
    assert naive(who, mentors, policy()).mentors == ("shares", "near")
    least = next(
        percent for percent in range(100) if naive(who, [shares], policy(minimum_score=percent)).unmatched is not None
    )
    unasked = mentee(topics_wanted=frozenset("ab"))
    assert naive(unasked, [shares], policy(minimum_score=least)).unmatched == "below_minimum_score"
    assert naive(unasked, [shares], policy(minimum_score=least - 1)).mentors == ("shares",)


def test_the_reasons_of_a_pair_never_mention_identity() -> None:
    who = mentee(identity=frozenset({"parent"}), wishes_shared_identity=True)
    shares = mentor(identity=frozenset({"parent"}))
    assert reasons.reasons(who, shares) == reasons.reasons(mentee(), mentor())
    last = dict.fromkeys(FACTORS, 10)
    assert "fixed random order" in reasons.shortfall({**last, "identity": 0}, last)


def test_a_related_specialty_and_reverse_mentoring_have_reasons() -> None:
    who = mentee(specialty="cardiology", stage="senior", reverse_mentoring=True)
    texts = reasons.reasons(who, mentor(specialty="nephrology", stage="fellow"))
    assert "Works close to your specialty: nephrology, which also belongs to internal medicine." in texts
    assert "Is 3 career stages behind you, as you asked: fellow." in texts


def test_weights_are_read_from_both_places_and_unknown_names_passed_over() -> None:
    published = PreferencesChanged(
        member="ana", institution="north", weights={"topics": 9}, further_weights={"availability": 8, "charm": 7}
    )
    document = {"_id": "ana", "sequence": 1, **published.model_dump(mode="json")}
    assert preferences_of(document).weights == {"topics": 9, "availability": 8}
    assert preferences_of({"_id": "ana", "sequence": 1, "never": []}).weights == {}


def test_matching_reads_a_member_as_profiles_published_them() -> None:
    published = MemberChanged(
        member="ana", institution="north", status="active", available=("fri-17-20",), reverse_mentoring=True
    )
    read = member_of({"_id": "ana", "sequence": 1, **published.model_dump(mode="json")})
    assert (read.available, read.reverse_mentoring) == (frozenset({"fri-17-20"}), True)


def full(taken: int, **fields: Any) -> Person:
    return replace(mentor(f"taken-{taken}", capacity=4, **fields), taken=taken)


def test_a_mentor_near_capacity_ranks_lower_so_that_requests_spread() -> None:
    assert [factor("load", mentee(), full(taken)) for taken in (0, 1, 3, 4, 9)] == [100, 75, 25, 0, 0]
    assert naive(mentee(), [full(3), full(1), full(2)], policy()).mentors == ("taken-1", "taken-2", "taken-3")


def test_load_removes_no_mentor_and_gives_no_reason() -> None:
    perfect = {"specialty": "surgery", "stage": "fellow", "style": "coach"}
    who = mentee(specialty="surgery", stage="student", style="coach")
    least = next(
        percent for percent in range(101) if naive(who, [full(0, **perfect)], policy(minimum_score=percent)).unmatched
    )
    assert naive(who, [full(3, **perfect)], policy(minimum_score=least - 1)).mentors == ("taken-3",)
    assert reasons.reasons(who, full(3)) == reasons.reasons(who, full(0))
