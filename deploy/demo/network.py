"""An invented medical network: four institutions, three programmes, and as many people as you ask for.

Person n depends on the seed and n alone: a run is reproducible, and a longer network begins with the shorter one.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from shared.contracts.profiles import Format, Role, Stage, Style

SEED = 2024
PEOPLE = 400

T = TypeVar("T")
Shares = Mapping[T, int]
"""Values and how often each is drawn, relative to the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    id: str
    name: str
    size: int
    """Its share of the network's people."""
    own_programme: str | None = None
    stages: Shares[Stage]
    specialties: Shares[str]
    zones: Shares[str]
    languages: Shares[str]
    """Spoken besides English; an empty string for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    id: str
    name: str
    institution: str
    """The owner."""
    admits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    external_id: str
    institution: str
    name: str
    email: str
    locale: str
    roles: tuple[Role, ...]
    programmes: tuple[str, ...]
    stage: Stage
    specialty: str
    topics_offered: tuple[str, ...]
    topics_wanted: tuple[str, ...]
    languages: tuple[str, ...]
    formats: tuple[Format, ...]
    time_zone: str
    hours_per_month: int
    capacity: int
    style: Style
    across_institutions: bool
    """Set by the person, never by a roster."""


ACROSS = "across-the-network"
_ADULT = {"internal-medicine": 30, "surgery": 20, "emergency-medicine": 15, "psychiatry": 15, "cardiology": 10}
_CHILDREN = {"paediatrics": 60, "neonatology": 15, "paediatric-surgery": 15, "child-psychiatry": 10}
_SCHOOL: Shares[Stage] = {"student": 45, "resident": 20, "fellow": 10, "attending": 15, "senior": 6, "retired": 4}
_HOSPITAL: Shares[Stage] = {"resident": 50, "fellow": 15, "early_career": 8, "attending": 20, "senior": 7}
_SOCIETY: Shares[Stage] = {
    "student": 20,
    "resident": 30,
    "early_career": 22,
    "attending": 16,
    "senior": 8,
    "retired": 4,
}
INSTITUTIONS = (
    Institution(
        id="aurelia-medical-school",
        name="Aurelia University School of Medicine",
        size=15,
        own_programme="first-friday",
        stages=_SCHOOL,
        specialties={**_ADULT, "paediatrics": 10},
        zones={"America/Chicago": 1},
        languages={"": 70, "es": 20, "zh": 5, "hi": 5},
    ),
    Institution(
        id="st-brendan-hospital",
        name="St Brendan Teaching Hospital",
        size=12,
        own_programme="resident-to-attending",
        stages=_HOSPITAL,
        specialties=_ADULT,
        zones={"Europe/Dublin": 1},
        languages={"": 75, "fr": 10, "hi": 8, "pl": 7},
    ),
    Institution(
        id="halden-women-physicians",
        name="Halden Society of Women Physicians",
        size=7,
        stages=_SOCIETY,
        specialties={**_ADULT, "paediatrics": 12},
        zones={"America/New_York": 35, "America/Los_Angeles": 20, "Europe/London": 30, "Australia/Sydney": 15},
        languages={"": 60, "es": 20, "fr": 12, "zh": 8},
    ),
    Institution(
        id="lindenau-childrens",
        name="Lindenau Children's Hospital",
        size=6,
        stages=_HOSPITAL,
        specialties=_CHILDREN,
        zones={"Europe/Berlin": 1},
        languages={"de": 85, "fr": 8, "pl": 7},
    ),
)
_IDS = tuple(institution.id for institution in INSTITUTIONS)
PROGRAMMES = (
    Programme(id="first-friday", name="First Friday", institution=_IDS[0], admits=_IDS[:1]),
    Programme(id="resident-to-attending", name="Resident to Attending", institution=_IDS[1], admits=_IDS[1:2]),
    Programme(id=ACROSS, name="Across the Network", institution=_IDS[2], admits=_IDS),
)

_ROLES: Mapping[Stage, Shares[tuple[Role, ...]]] = {
    "student": {("mentee",): 100},
    "resident": {("mentee",): 94, ("mentor", "mentee"): 6},
    "fellow": {("mentee",): 76, ("mentor", "mentee"): 20, ("mentor",): 4},
    "early_career": {("mentee",): 55, ("mentor", "mentee"): 30, ("mentor",): 15},
    "attending": {("mentor",): 88, ("mentor", "mentee"): 12},
    "senior": {("mentor",): 100},
    "retired": {("mentor",): 100},
}
_FREQUENT = ("career-planning", "research-methods", "work-life-balance", "clinical-reasoning", "exam-preparation")
_OCCASIONAL = ("publishing", "leadership", "burnout", "teaching-skills", "grant-writing", "parenthood-in-training")
_RARE = ("negotiation", "academic-promotion", "returning-to-practice", "global-health", "private-practice")
_TOPICS = {topic: share for topics, share in ((_FREQUENT, 12), (_OCCASIONAL, 6), (_RARE, 3)) for topic in topics}
_RARE_LANGUAGES = {"is": 1, "mt": 1, "eu": 1}
"""No mentor speaks these: a mentee who speaks nothing else cannot be matched."""
_RARE_LANGUAGE_PERCENT, _INCOMPLETE_PERCENT, _FULL_MENTOR_PERCENT = 2, 2, 8
_ALSO_ACROSS_PERCENT, _OPEN_TO_OTHERS_PERCENT = 22, 85
_CAPACITIES = {1: 28, 2: 36, 3: 22, 4: 9, 5: 5}
_FORMATS: Shares[Format] = {"video": 40, "in_person": 30, "phone": 15, "messaging": 15}
_STYLES: Shares[Style] = {"coach": 30, "advisor": 35, "sponsor": 15, "listener": 20}
_GIVEN_NAMES = (
    *("Amara", "Anouk", "Arjun", "Beatriz", "Caoimhe", "Chidi", "Clara", "Divya", "Elif", "Esther", "Farid", "Freya"),
    *("Hana", "Imani", "Jonas", "Kavya", "Leila", "Liam", "Mateo", "Mei", "Niamh", "Oskar", "Priya", "Tomasz"),
)
_FAMILY_NAMES = (
    *("Abiola", "Achterberg", "Banerji", "Brandvold", "Castellane", "Dalgaard", "Eskandari", "Fairweather", "Gantry"),
    *("Hallström", "Iyengar", "Jankovich", "Kaltenbach", "Lindqvist", "Marchetti", "Nwosu", "O'Halloran", "Palomar"),
    *("Quintela", "Rosenquist", "Sørensby", "Tanakura", "Venkataraman", "Wolniewicz", "Yilmazer", "Zubairi"),
)


def people(count: int = PEOPLE, *, seed: int = SEED) -> Iterator[Person]:
    """Generated one at a time: a hundred thousand take no more memory than one."""
    return (_person(number, random.Random(f"{seed}:{number}")) for number in range(count))


def _person(number: int, dice: random.Random) -> Person:
    home = dice.choices(INSTITUTIONS, weights=[institution.size for institution in INSTITUTIONS])[0]
    external_id = f"{home.id.partition('-')[0]}-{number:05}"
    stage = _draw(home.stages, dice)
    roles = _draw(_ROLES[stage], dice)
    is_mentor, is_mentee = "mentor" in roles, "mentee" in roles
    capacity = _draw(_CAPACITIES, dice) if is_mentor and not _chance(_FULL_MENTOR_PERCENT, dice) else 0
    languages = _languages(home, dice, is_mentor=is_mentor)
    programmes = _programmes(home, dice)
    wants_topics = is_mentee and not _chance(_INCOMPLETE_PERCENT, dice)
    return Person(
        external_id=external_id,
        institution=home.id,
        name=f"{dice.choice(_GIVEN_NAMES)} {dice.choice(_FAMILY_NAMES)}",
        email=f"{external_id}@{home.id}.example",
        locale="de" if "de" in languages else "en",
        roles=roles,
        programmes=programmes,
        stage=stage,
        specialty=_draw(home.specialties, dice),
        topics_offered=_draw_several(_TOPICS, dice.randint(3, 6), dice) if is_mentor else (),
        topics_wanted=_draw_several(_TOPICS, dice.randint(2, 4), dice) if wants_topics else (),
        languages=languages,
        formats=_draw_several(_FORMATS, dice.randint(1, 3), dice),
        time_zone=_draw(home.zones, dice),
        hours_per_month=max(1, capacity) * dice.randint(1, 3) if is_mentor else 0,
        capacity=capacity,
        style=_draw(_STYLES, dice),
        across_institutions=ACROSS in programmes and _chance(_OPEN_TO_OTHERS_PERCENT, dice),
    )


def _languages(home: Institution, dice: random.Random, *, is_mentor: bool) -> tuple[str, ...]:
    if not is_mentor and _chance(_RARE_LANGUAGE_PERCENT, dice):
        return (_draw(_RARE_LANGUAGES, dice),)
    other = _draw(home.languages, dice)
    return ("en", other) if other else ("en",)


def _programmes(home: Institution, dice: random.Random) -> tuple[str, ...]:
    if home.own_programme is None:
        return (ACROSS,)
    return (home.own_programme, ACROSS) if _chance(_ALSO_ACROSS_PERCENT, dice) else (home.own_programme,)


def _chance(percent: int, dice: random.Random) -> bool:
    return dice.randrange(100) < percent


def _draw(shares: Shares[T], dice: random.Random) -> T:
    return dice.choices(list(shares), weights=list(shares.values()))[0]


def _draw_several(shares: Shares[T], count: int, dice: random.Random) -> tuple[T, ...]:
    """Draws without replacement (Efraimidis and Spirakis, 2006)."""
    return tuple(sorted(shares, key=lambda value: dice.random() ** (1 / shares[value]), reverse=True)[:count])
