"""What is said of a pair."""

from typing import get_args

import pytest

from services.matching.kernel import reasons
from services.matching.kernel.shards import SHARDS, fair_share, shard_of
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS
from tests.unit.matching_people import SOUTH, mentee, mentor


def test_every_reason_code_has_its_words() -> None:
    assert set(reasons.UNMATCHED) == set(get_args(Unmatched))


def test_factors_in_a_mentors_favor_become_reasons_and_others_do_not() -> None:
    who = mentee(stage="resident", topics_wanted=frozenset({"research-methods", "ethics"}), style="coach")
    other = mentor(
        stage="early_career",
        topics_offered=frozenset({"research-methods"}),
        formats=frozenset({"video", "in_person"}),
        time_zone="Asia/Kolkata",
    )
    assert reasons.reasons(who, other) == (
        "Offers 1 of the 2 topics you want: research methods.",
        "Is 2 career stages ahead of you: early career.",
        "Speaks English, like you.",
        "Can meet by video.",
        "Is 5.5 hours ahead of your time zone.",
    )


def test_topics_near_those_offered_are_a_reason_of_their_own() -> None:
    who = mentee(topics_wanted=frozenset({"career-planning", "ethics"}))
    near = mentor(topics_offered=frozenset({"ethics"}), topics_near=frozenset({"career-planning", "surgery"}))
    both = mentor(topics_offered=frozenset(), topics_near=frozenset({"career-planning", "ethics"}))
    assert reasons.reasons(who, near)[:2] == (
        "Offers 1 of the 2 topics you want: ethics.",
        "Offers a topic close to career planning, which you want.",
    )
    assert reasons.reasons(who, both)[0] == "Offers topics close to career planning and ethics, which you want."


@pytest.mark.parametrize(
    ("mine", "theirs", "sentence"),
    [
        ("neonatology", "pediatrics", "Works close to your specialty: pediatrics."),
        ("neonatology", "paediatrics", "Works close to your specialty: paediatrics."),
        ("paediatrics", "neonatology", "Works close to your specialty: neonatology, which is part of paediatrics."),
        (
            "cardiology",
            "nephrology",
            "Works close to your specialty: nephrology, which also belongs to internal medicine.",
        ),
        ("pediatrics", "paediatrics", "Works in your specialty, paediatrics."),
    ],
)
def test_a_shared_specialty_is_named_only_where_it_is_not_the_mentors_own(
    mine: str, theirs: str, sentence: str
) -> None:
    texts = reasons.reasons(mentee(specialty=mine), mentor(specialty=theirs))
    assert [text for text in texts if "specialty" in text] == [sentence]


def test_pairs_across_institutions_never_have_meeting_in_person_as_a_reason() -> None:
    formats = frozenset({"video", "in_person"})
    texts = reasons.reasons(mentee(formats=formats), mentor(institution=SOUTH, formats=formats))
    assert "Can meet by video." in texts


def test_a_shortfall_names_where_the_last_one_on_the_list_is_better() -> None:
    last = dict.fromkeys(FACTORS, 10)
    assert reasons.shortfall({**last, "topics": 0, "stage": 5}, last) == (
        "The last mentor on your list is a better fit for the topics you want and the career stage."
    )
    assert "fixed random order" in reasons.shortfall(last, last)


def test_mentees_spread_over_all_shards_and_replicas_share_them() -> None:
    assert {shard_of(f"member-{number}") for number in range(1000)} == set(range(SHARDS))
    assert [fair_share(replicas) for replicas in (0, 1, 2, 3, 16, 40)] == [16, 16, 8, 6, 1, 1]
