"""What this service knows of people and programmes from the topics of profiles."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    id: str
    institution: str
    """The owner."""
    name: str
    admits: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Private: in no event, log, metric or error text."""

    id: str
    institution: str
    name: str
    locale: str
    time_zone: str
    principles: str
    is_active: bool
