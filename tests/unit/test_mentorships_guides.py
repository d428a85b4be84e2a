"""The guides that ship with the service: complete in every language, short, with sources."""

import pytest

from services.mentorships.guides import domain
from services.mentorships.guides.domain import LOCALES, MAX_STEPS, MOMENTS, Ticks
from services.mentorships.guides.shipped import shipped

IDS = sorted({id for id, _ in shipped()})


@pytest.mark.parametrize("id", IDS)
def test_a_guide_is_in_every_language_with_as_many_steps_and_the_same_sources(id: str) -> None:
    guides = [shipped()[id, locale] for locale in LOCALES]
    assert len({(guide.moment, len(guide.steps), guide.sources) for guide in guides}) == 1
    assert len({guide.title for guide in guides}) == len(LOCALES)
    assert all(guide.sources and 1 <= len(guide.steps) <= MAX_STEPS for guide in guides)


def test_every_moment_has_a_guide_and_they_come_in_that_order() -> None:
    moments = [guide.moment for (_, locale), guide in shipped().items() if locale == "en"]
    assert moments == list(MOMENTS)


@pytest.mark.parametrize(("wanted", "locale"), [("de-AT", "de"), ("DE", "de"), ("en", "en"), ("fr", "en"), ("", "en")])
def test_the_nearest_language_is_found(wanted: str, locale: str) -> None:
    assert domain.nearest_locale(wanted) == locale


def test_a_tick_is_set_and_cleared() -> None:
    ticked = domain.tick(Ticks(member="mia", guide="listening"), 2, is_done=True)
    assert ticked.steps == {2}
    assert domain.tick(ticked, 2, is_done=False).steps == frozenset()
