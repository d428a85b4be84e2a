"""Profile cards that a mentee and a mentor see of each other, from matching's projection, which has no names."""

from collections.abc import Iterable

from pydantic import BaseModel

from services.matching.kernel.participants import Member


class Card(BaseModel):
    """Matching knows no names. `named` says that profiles may show one: inside one institution, or after a yes."""

    named: bool
    stage: str | None
    specialty: str | None
    topics: list[str]
    """What a mentor offers, what a mentee wants."""
    languages: list[str]
    formats: list[str]


def mentors_card(member: Member, *, named: bool) -> Card:
    return _card(member, member.topics_offered, named=named)


def askers_card(member: Member, *, named: bool) -> Card:
    return _card(member, member.topics_wanted, named=named)


def _card(member: Member, topics: Iterable[str], *, named: bool) -> Card:
    return Card(
        named=named,
        stage=member.stage,
        specialty=member.specialty,
        topics=sorted(topics),
        languages=sorted(member.languages),
        formats=sorted(member.formats),
    )
