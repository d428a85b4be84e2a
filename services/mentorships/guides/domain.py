"""Guides: the field's good practice, short and with its sources, at the moment when it helps. No step is a duty.

An institution may replace a guide in one language by its own; what a person has ticked stays with the guide's id.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

Locale = Literal["en", "de"]
LOCALES: tuple[Locale, ...] = get_args(Locale)
Moment = Literal["before_asking", "writing_principles", "introduction", "meeting", "difficult_topic", "ending"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)
MAX_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    id: str
    locale: Locale
    moment: Moment
    title: str
    intro: str
    steps: tuple[str, ...]
    sources: tuple[str, ...]
    version: int = 0
    """0: the guide that ships with the service; higher: the institution's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The steps that a person has ticked in one guide, counted from 1. Nobody else sees them."""

    member: str
    guide: str
    steps: frozenset[int] = frozenset()


def tick(ticks: Ticks, step: int, *, is_done: bool) -> Ticks:
    steps = ticks.steps | {step} if is_done else ticks.steps - {step}
    return replace(ticks, steps=steps)


def nearest_locale(wanted: str) -> Locale:
    """`de-AT` is `de`; a language without guides is English."""
    language = wanted.replace("_", "-").split("-")[0].lower()
    return next((locale for locale in LOCALES if locale == language), "en")
