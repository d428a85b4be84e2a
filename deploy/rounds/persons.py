"""Participants as matching's rules and scores read them. What a file does not say rules nobody out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from deploy.rounds.people import Participant
from services.matching.kernel.participants import Member, Person, Preferences
from shared.contracts.profiles import Format

HERE = "here"
"""The institution of all rows."""
_ANY_TOPIC = frozenset({"unspecified"})
_FORMATS: frozenset[Format] = frozenset(get_args(Format))
_ANY_LANGUAGE = "und"


@dataclass(frozen=True, slots=True)
class _Assumed:
    languages: frozenset[str]


def persons(people: Sequence[Participant], programme: str) -> list[Person]:
    spoken = {language for person in people for language in person.profile.languages}
    assumed = _Assumed(frozenset(spoken or {_ANY_LANGUAGE}))
    return [_person(person, programme, assumed) for person in people]


def _person(participant: Participant, programme: str, assumed: _Assumed) -> Person:
    profile, stated = participant.profile, participant.stated
    roles = {role for enrolment in profile.enrolments if enrolment.programme == programme for role in enrolment.roles}
    enrolled = frozenset({programme})
    member = Member(
        id=participant.id,
        institution=HERE,
        mentors_in=enrolled if "mentor" in roles else frozenset(),
        mentee_in=enrolled if "mentee" in roles else frozenset(),
        stage=profile.stage,
        specialty=profile.specialty,
        topics_offered=frozenset(profile.topics_offered),
        topics_wanted=frozenset(profile.topics_wanted) or _ANY_TOPIC,
        languages=frozenset(profile.languages) or assumed.languages,
        formats=frozenset(profile.formats) or _FORMATS,
        time_zone=profile.time_zone,
        hours=profile.hours_per_month if "hours_per_month" in stated else 1,
        capacity=profile.capacity if "capacity" in stated else max(1, profile.least_group),
        least_group=profile.least_group,
        mentors_wanted=profile.mentors_wanted,
        style=profile.style,
        available=frozenset(profile.available),
        reverse_mentoring=profile.reverse_mentoring,
    )
    return Person(member, Preferences(member=participant.id))
