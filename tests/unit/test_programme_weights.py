"""Every factor that a programme weighs is shown wherever its weights are: in profiles, in facts and in simulations."""

import pytest

from services.matching.kernel.participants import Member, Person, Preferences, weights_for
from services.matching.kernel.participants import Programme as Matched
from services.matching.simulations import lifecycle as life
from services.profiles.programmes import domain as programmes
from services.profiles.programmes.api import ProgrammePatch
from shared.contracts.profiles import (
    DEFAULT_WEIGHTS,
    FACTORS,
    PROGRAMME_FACTORS,
    Factor,
    ProgrammeChanged,
    programme_weights,
)

BLANK = Person(Member(id="nobody", institution="north"), Preferences(member="nobody"))


def fact(given: dict[Factor, int]) -> ProgrammeChanged:
    created = programmes.create(id="care", institution="north", given={"name": "Care", "weights": given}, consenting=())
    [event] = programmes.facts(created)
    assert isinstance(event, ProgrammeChanged)
    return event


def test_every_factor_has_a_default_and_all_but_identity_are_set_by_programmes() -> None:
    assert DEFAULT_WEIGHTS.keys() == set(FACTORS)
    assert set(FACTORS) - set(PROGRAMME_FACTORS) == {"identity"}
    assert ProgrammePatch.model_validate({"weights": dict.fromkeys(PROGRAMME_FACTORS, 7)})


@pytest.mark.parametrize("factor", PROGRAMME_FACTORS)
def test_a_factor_that_a_programme_weighs_is_shown_as_matching_counts_it(factor: Factor) -> None:
    set_weight: list[dict[Factor, int]] = [{}, {factor: 7}]
    for given in set_weight:
        event = fact(given)
        published = {**event.weights, **event.further_weights}
        matched = Matched(id="care", institution="north", weights=given)
        counted = dict(zip(FACTORS, weights_for(BLANK, matched), strict=True))[factor]
        shown = [published[factor], life.rules_of(matched).weights[factor], programme_weights(given)[factor]]
        assert shown == [counted] * 3


def test_simulations_show_every_factor_in_one_order() -> None:
    assert tuple(life.rules_of(Matched(id="care", institution="")).weights) == PROGRAMME_FACTORS
    assert tuple(programme_weights({"load": 3})) == PROGRAMME_FACTORS
