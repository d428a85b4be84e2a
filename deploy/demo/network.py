"""An invented medical network: the same seed gives the same people, one at a time, for a demo or ten thousand of them.

Person n depends on the seed and n alone, so a longer network begins with the shorter one. All names are made up.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from shared.contracts.profiles import Format, Role, Stage, Style

SEED = 2027
PEOPLE = 400

T = TypeVar("T")
Shares = Mapping[str, int]
"""Terms and how often each is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    id: str
    name: str
    mail: str
    own_programme: str | None
    stages: Mapping[Stage, int]
    specialties: Shares
    zones: Shares
    languages: Shares
    """Spoken besides English, or not at all."""


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
    """Said by the person, never by a roster."""


ACROSS = "across-the-network"
_ADULT = {
    "internal-medicine": 24,
    "surgery": 14,
    "emergency-medicine": 12,
    "psychiatry": 10,
    "anaesthesiology": 9,
    "cardiology": 8,
    "obstetrics-gynaecology": 8,
    "general-practice": 8,
    "neurology": 4,
    "radiology": 3,
}
_CHILDREN = {"paediatrics": 60, "neonatology": 15, "paediatric-surgery": 15, "child-psychiatry": 10}
INSTITUTIONS = (
    Institution(
        id="aurelia-medical-school",
        name="Aurelia University School of Medicine",
        mail="aurelia.example",
        own_programme="first-friday",
        stages={
            "student": 44,
            "resident": 18,
            "fellow": 8,
            "early_career": 4,
            "attending": 17,
            "senior": 6,
            "retired": 3,
        },
        specialties={**_ADULT, "paediatrics": 10},
        zones={"America/Chicago": 1},
        languages={"": 70, "es": 20, "zh": 5, "hi": 5},
    ),
    Institution(
        id="st-brendan-hospital",
        name="St Brendan Teaching Hospital",
        mail="stbrendan.example",
        own_programme="resident-to-attending",
        stages={"resident": 48, "fellow": 18, "early_career": 8, "attending": 19, "senior": 7},
        specialties=_ADULT,
        zones={"Europe/Dublin": 1},
        languages={"": 75, "fr": 10, "hi": 8, "pl": 7},
    ),
    Institution(
        id="halden-women-physicians",
        name="Halden Society of Women Physicians",
        mail="halden.example",
        own_programme=None,
        stages={
            "student": 18,
            "resident": 26,
            "fellow": 12,
            "early_career": 16,
            "attending": 16,
            "senior": 8,
            "retired": 4,
        },
        specialties={**_ADULT, "paediatrics": 12},
        zones={"America/New_York": 35, "America/Los_Angeles": 20, "Europe/London": 30, "Australia/Sydney": 15},
        languages={"": 60, "es": 20, "fr": 12, "zh": 8},
    ),
    Institution(
        id="lindenau-childrens",
        name="Lindenau Children's Hospital",
        mail="lindenau.example",
        own_programme=None,
        stages={"resident": 50, "fellow": 12, "early_career": 8, "attending": 22, "senior": 8},
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

_SIZES = (15, 12, 7, 6)
_TURNS = tuple(one for one, size in zip(INSTITUTIONS, _SIZES, strict=True) for _ in range(size))
_STRIDE = 11
"""Coprime to the length of a round: the institutions take turns instead of coming in blocks."""

_MENTORING: Mapping[Stage, Mapping[tuple[Role, ...], int]] = {
    "student": {("mentee",): 100},
    "resident": {("mentee",): 94, ("mentor", "mentee"): 6},
    "fellow": {("mentee",): 76, ("mentor", "mentee"): 20, ("mentor",): 4},
    "early_career": {("mentee",): 55, ("mentor", "mentee"): 30, ("mentor",): 15},
    "attending": {("mentor",): 88, ("mentor", "mentee"): 12},
    "senior": {("mentor",): 100},
    "retired": {("mentor",): 100},
}
_TOPICS: Shares = {
    "career-planning": 16,
    "research-methods": 12,
    "work-life-balance": 12,
    "clinical-reasoning": 10,
    "exam-preparation": 8,
    "publishing": 8,
    "leadership": 7,
    "burnout": 7,
    "teaching-skills": 6,
    "grant-writing": 5,
    "parenthood-in-training": 5,
    "negotiation": 4,
    "academic-promotion": 4,
    "returning-to-practice": 3,
    "global-health": 3,
    "private-practice": 2,
}
_RARE_LANGUAGES: Shares = {"is": 1, "mt": 1, "eu": 1}
"""No mentor speaks these: whoever speaks nothing else cannot be matched."""
_RARE_PERCENT, _INCOMPLETE_PERCENT, _PAUSED_MENTOR_PERCENT = 2, 2, 8
_CAPACITIES: Mapping[int, int] = {1: 28, 2: 36, 3: 22, 4: 9, 5: 5}
_FORMATS: Mapping[tuple[Format, ...], int] = {
    ("video",): 16,
    ("video", "messaging"): 20,
    ("in_person",): 6,
    ("in_person", "video"): 26,
    ("in_person", "video", "phone"): 18,
    ("phone", "messaging"): 6,
    ("in_person", "video", "phone", "messaging"): 8,
}
_STYLES: Mapping[Style, int] = {"coach": 30, "advisor": 35, "sponsor": 15, "listener": 20}
_ALSO_ACROSS_PERCENT, _OPEN_TO_OTHERS_PERCENT = 22, 85

_GIVEN = (
    *("Amara", "Anouk", "Arjun", "Beatriz", "Caoimhe", "Chidi", "Clara", "Daniel", "Divya", "Elif", "Emeka", "Esther"),
    *("Farid", "Freya", "Giulia", "Hana", "Hugo", "Imani", "Ines", "Ivan", "Jonas", "Kavya", "Keiko", "Leila", "Liam"),
    *("Lucia", "Malik", "Maren", "Mateo", "Mei", "Nadia", "Niamh", "Noor", "Olu", "Oskar", "Priya", "Rafael", "Ravi"),
    *("Rosa", "Samir", "Sanne", "Shreya", "Sofia", "Tariq", "Tomasz", "Uche", "Vera", "Wanjiru", "Yusuf", "Zofia"),
)
_FAMILY = (
    *("Abiola", "Achterberg", "Almeida", "Banerji", "Barros", "Brandvold", "Castellane", "Chukwuma", "Dalgaard"),
    *("Delacroix-Hahn", "Eberling", "Eskandari", "Fairweather", "Fitzmorris", "Gantry", "Guerreiro", "Hallström"),
    *("Haverkamp", "Ibekwe", "Iyengar", "Jankovich", "Kaltenbach", "Karimov", "Kinsella", "Lindqvist", "Lumbard"),
    *("Mahlaba", "Marchetti", "Mbeki-Stone", "Nakagawa", "Nwosu", "O'Halloran", "Okonjo", "Ostrander", "Palomar"),
    *("Pfefferkorn", "Quintela", "Radhakrish", "Rosenquist", "Saldanha", "Sørensby", "Tanakura", "Thistlewood"),
    *("Ueda", "Vandermeer", "Venkataraman", "Wickramage", "Wolniewicz", "Yilmazer", "Zubairi"),
)


def people(count: int = PEOPLE, *, seed: int = SEED) -> Iterator[Person]:
    """One at a time: a hundred thousand take no more memory than one."""
    return (_person(number, random.Random(f"{seed}:{number}")) for number in range(count))


def people_of(institution: str, everybody: Sequence[Person]) -> list[Person]:
    return [person for person in everybody if person.institution == institution]


def _person(number: int, dice: random.Random) -> Person:
    home = _TURNS[number * _STRIDE % len(_TURNS)]
    given, family = dice.choice(_GIVEN), dice.choice(_FAMILY)
    stage = _drawn(home.stages, dice)
    roles = _drawn(_MENTORING[stage], dice)
    is_mentor, is_mentee = "mentor" in roles, "mentee" in roles
    capacity = _capacity(dice) if is_mentor else 0
    languages = _languages(home, dice, is_mentor=is_mentor)
    programmes = _programmes(home, dice)
    return Person(
        external_id=f"{home.mail.split('.')[0]}-{number:05}",
        institution=home.id,
        name=f"{given} {family}",
        email=f"{_letters(given)}.{_letters(family)}.{number}@{home.mail}",
        locale="de" if "de" in languages else "en",
        roles=roles,
        programmes=programmes,
        stage=stage,
        specialty=_drawn(home.specialties, dice),
        topics_offered=_several(_TOPICS, dice.randint(3, 6), dice) if is_mentor else (),
        topics_wanted=_wanted(dice) if is_mentee else (),
        languages=languages,
        formats=_drawn(_FORMATS, dice),
        time_zone=_drawn(home.zones, dice),
        hours_per_month=max(1, capacity) * dice.randint(1, 3) if is_mentor else 0,
        capacity=capacity,
        style=_drawn(_STYLES, dice),
        across_institutions=ACROSS in programmes and dice.randrange(100) < _OPEN_TO_OTHERS_PERCENT,
    )


def _capacity(dice: random.Random) -> int:
    return 0 if dice.randrange(100) < _PAUSED_MENTOR_PERCENT else _drawn(_CAPACITIES, dice)


def _languages(home: Institution, dice: random.Random, *, is_mentor: bool) -> tuple[str, ...]:
    if not is_mentor and dice.randrange(100) < _RARE_PERCENT:
        return (_drawn(_RARE_LANGUAGES, dice),)
    other = _drawn(home.languages, dice)
    return ("en", other) if other else ("en",)


def _wanted(dice: random.Random) -> tuple[str, ...]:
    """A few have not got round to saying what they want."""
    if dice.randrange(100) < _INCOMPLETE_PERCENT:
        return ()
    return _several(_TOPICS, dice.randint(2, 4), dice)


def _programmes(home: Institution, dice: random.Random) -> tuple[str, ...]:
    if home.own_programme is None:
        return (ACROSS,)
    also = dice.randrange(100) < _ALSO_ACROSS_PERCENT
    return (home.own_programme, ACROSS) if also else (home.own_programme,)


def _drawn(shares: Mapping[T, int], dice: random.Random) -> T:
    return dice.choices(list(shares), weights=list(shares.values()))[0]


def _several(shares: Shares, count: int, dice: random.Random) -> tuple[str, ...]:
    """Different ones, the likelier the oftener first."""
    ranked = sorted(shares, key=lambda term: dice.random() ** (1 / shares[term]), reverse=True)
    return tuple(islice(ranked, count))


def _letters(name: str) -> str:
    return "".join(dead_letter for dead_letter in name.lower() if dead_letter.isascii() and dead_letter.isalpha())
