"""What one member sees of another: each relation with each field, inside an institution and across."""

from collections.abc import Sequence
from itertools import product
from typing import get_args

import pytest

from services.profiles.cards.domain.cards import card
from services.profiles.cards.domain.relations import Relation
from services.profiles.cards.handlers import projection_handlers
from services.profiles.cards.repository import COPIES
from services.profiles.members.domain.members import Member, StoryAudience
from shared.consuming.projection import Refused
from shared.contracts.envelope import Received

RELATIONS: tuple[Relation, ...] = get_args(Relation)
VIEWER = Member(id="ana", institution="north", name="Ana", email="ana@north.example")
ALWAYS = {"id", "institution", "relation", "stage", "specialty", "principles"}


def mara(institution: str = "north", **fields: object) -> Member:
    everything: dict[str, object] = {
        "stage": "attending",
        "specialty": "cardiology",
        "principles": "Listen first.",
        "pronouns": "she/her",
        "story": "Once I failed.",
        "external_id": "hr-7",
        "never": ("bob",),
        "identity": ("first-generation",),
        "subject_hash": "hash",
        "locale": "de",
    }
    known = {**everything, **fields}
    return Member(id="mara", institution=institution, name="Mara", email="mara@x.example", **known)  # type: ignore[arg-type]


def shown(member: Member, relation: Relation) -> set[str]:
    seen = card(member, relation=relation, viewed_by=VIEWER)
    assert seen is not None
    return {name for name in type(seen).__dataclass_fields__ if getattr(seen, name) is not None}


@pytest.mark.parametrize(("relation", "institution"), list(product(RELATIONS, ("north", "south"))))
def test_name_and_pronouns_are_shown_inside_the_institution_or_after_acceptance(
    relation: Relation, institution: str
) -> None:
    is_named = institution == "north" or relation == "matched"
    assert shown(mara(institution), relation) == ALWAYS | ({"name", "pronouns"} if is_named else set())


def test_a_title_is_shown_before_the_name() -> None:
    seen = card(mara(title="Dr."), relation="matched", viewed_by=VIEWER)
    assert seen is not None
    assert seen.name == "Dr. Mara"


@pytest.mark.parametrize(
    ("audience", "relation", "institution"), list(product(get_args(StoryAudience), RELATIONS, ("north", "south")))
)
def test_a_story_is_shown_to_the_audience_that_its_owner_chose(
    audience: StoryAudience, relation: Relation, institution: str
) -> None:
    allowed = {"nobody": set(), "matched": {"matched"}, "suggested": set(RELATIONS)}[audience]
    assert ("story" in shown(mara(institution, story_shown_to=audience), relation)) == (relation in allowed)


@pytest.mark.parametrize("relation", RELATIONS)
def test_an_address_is_shown_after_acceptance_if_its_owner_shares_it(relation: Relation) -> None:
    assert ("email" in shown(mara(shares_email=True), relation)) == (relation == "matched")
    assert "email" not in shown(mara(shares_email=False), relation)


@pytest.mark.parametrize("relation", RELATIONS)
def test_an_inactive_member_has_a_card_for_their_matches_only(relation: Relation) -> None:
    seen = card(mara(status="inactive"), relation=relation, viewed_by=VIEWER)
    assert (seen is not None) == (relation == "matched")


def test_a_rebuild_applies_the_same_events_as_the_consumer() -> None:
    class Unused:
        async def fold_pairs(self, received: Sequence[Received]) -> Sequence[Refused]:
            raise NotImplementedError

        async def fold_lists(self, received: Sequence[Received]) -> Sequence[Refused]:
            raise NotImplementedError

    assert projection_handlers(Unused()).keys() == {
        kind for copy in COPIES for kind in (copy.payload, *copy.other_payloads)
    }
