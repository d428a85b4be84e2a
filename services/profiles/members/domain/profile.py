"""The fields of a member's profile, with the rules for their values.

`Profile` is what the institution may set as well. `Private` is for the person alone: no roster or coordinator sets it.
"""

import re
from collections.abc import Hashable
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.profiles.kernel.domain.fields import Name, Weights, wrong
from shared.contracts.payload import Id, Slug
from shared.contracts.profiles import Enrolment, Format, Stage, Style, Weekly
from shared.identifiers import Email, ExternalId
from shared.text import Line, Text
from shared.zones import zones

T = TypeVar("T", bound=Hashable)
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_MANY = 50


def _zone(text: str) -> str:
    if text not in zones():
        raise wrong("time_zone", "must be an IANA time zone like Europe/Vienna")
    return text


def _language(text: str) -> str:
    lowered = text.lower()
    if not _LANGUAGE.fullmatch(lowered):
        raise wrong("language", "must be a primary language tag of BCP 47 like en or de")
    return lowered


def _locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise wrong("locale", "must be a locale like en or de-AT")
    return text


def _once(items: tuple[T, ...]) -> tuple[T, ...]:
    """Removes duplicates; each item keeps its first position."""
    return tuple(dict.fromkeys(items))


def _programmes_once(enrolments: tuple[Enrolment, ...]) -> tuple[Enrolment, ...]:
    named = [enrolment.programme for enrolment in enrolments]
    if len(set(named)) < len(named):
        raise wrong("enrolments", "must name each programme once, with all its roles")
    if any(not enrolment.roles for enrolment in enrolments):
        raise wrong("enrolments", "must have at least one role in each programme")
    return tuple(
        Enrolment(programme=enrolment.programme, roles=tuple(sorted(set(enrolment.roles)))) for enrolment in enrolments
    )


def _forwards(weekly: str) -> str:
    _, since, until = weekly.split("-")
    if since >= until:
        raise wrong("available", "must begin before it ends, like fri-17-20")
    return weekly


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]
Language = Annotated[str, StringConstraints(max_length=64), AfterValidator(_language)]
Locale = Annotated[str, StringConstraints(max_length=64), AfterValidator(_locale)]
Slugs = Annotated[tuple[Slug, ...], Field(max_length=_MANY), AfterValidator(_once)]
Available = Annotated[Weekly, AfterValidator(_forwards)]


class Profile(BaseModel):
    """Only fields in the request count (`model_fields_set`); a default here is the value of a new member."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = ""
    title: Annotated[Line, Field(max_length=40)] = ""
    """Such as `Dr.`: shown before the name, and not compared with it."""
    cohort: Annotated[Line, Field(max_length=60)] = ""
    """The training year, intake or class, in the institution's own words: `PGY-2`, `2026`."""
    email: Email = ""
    locale: Locale = "en"
    external_id: ExternalId | None = None
    affiliations: Annotated[tuple[Id, ...], Field(max_length=_MANY), AfterValidator(_once)] = ()
    enrolments: Annotated[tuple[Enrolment, ...], Field(max_length=_MANY), AfterValidator(_programmes_once)] = ()
    stage: Stage | None = None
    specialty: Slug | None = None
    topics_offered: Slugs = ()
    topics_wanted: Slugs = ()
    languages: Annotated[tuple[Language, ...], Field(max_length=_MANY), AfterValidator(_once)] = ()
    formats: Annotated[tuple[Format, ...], AfterValidator(_once)] = ()
    time_zone: TimeZone = "UTC"
    hours_per_month: Annotated[int, Field(ge=0, le=100)] = 0
    capacity: Annotated[int, Field(ge=0, le=50)] = 0
    least_group: Annotated[int, Field(ge=0, le=50)] = 0
    mentors_wanted: Annotated[int, Field(ge=1, le=10)] = 1
    style: Style | None = None
    available: Annotated[tuple[Available, ...], Field(max_length=_MANY), AfterValidator(_once)] = ()
    reverse_mentoring: bool = False
    principles: Annotated[Text, Field(max_length=4_000)] = ""


class Private(BaseModel):
    """Sensitive by law, or a consent: entered by the person only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    across_institutions: bool = False
    never: Annotated[tuple[Id, ...], Field(max_length=1_000), AfterValidator(_once)] = ()
    weights: Weights = {}
    topics_most_wanted: Slugs = ()
    identity: Slugs = ()
    wishes_shared_identity: bool = False
    story: Annotated[Text, Field(max_length=20_000)] = ""
    story_shown_to: Literal["nobody", "matched", "suggested"] = "nobody"
    """`suggested`: also members who are suggested, ask or are asked, in other institutions too."""
    pronouns: Annotated[Text, Field(max_length=40)] = ""
    shares_email: bool = False
    """With the mentors and mentees with whom the member is matched."""


class FullProfile(Profile, Private):
    """All fields that a request may name; `members` decides who may set which."""


PERSON_ONLY = frozenset(Private.model_fields)
INSTITUTION_ONLY = frozenset({"external_id", "cohort", "affiliations", "enrolments"})
