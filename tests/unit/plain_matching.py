"""Matching again, slow and by other means: one pair after another, plain Python, nothing taken from what it judges but
the model and the tree of specialties. Formulas as docs/matching.md writes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.matching.kernel.participants import (
    Assessment,
    Bond,
    Experience,
    Institution,
    Member,
    Preferences,
    Programme,
)
from services.matching.kernel.specialties import ALSO_CALLED, TREE

FACTORS = (
    "topics",
    "specialty",
    "stage",
    "languages",
    "formats",
    "time_zone",
    "style",
    "availability",
    "load",
    "experience",
    "identity",
)
USUAL = (100, 60, 40, 20, 20, 20, 30, 30, 20, 20, 60)
STAGES = ("student", "resident", "fellow", "early_career", "attending", "senior", "retired")
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD = (30, 80, 100, 90, 70, 60, 50)
_64 = 2**64 - 1
Keeps = Callable[[Member], bool]


@dataclass(frozen=True)
class PlainList:
    entries: tuple[tuple[str, str, int, tuple[int, ...]], ...] = ()
    """Mentor, institution, score, contributions; the best first."""
    unmatched: str | None = None


class Plain:
    """Of the newest state of everything."""

    def __init__(
        self,
        institutions: Mapping[str, Institution],
        programmes: Mapping[str, Programme],
        members: Mapping[str, Member],
        preferences: Mapping[str, Preferences],
        bonds: Mapping[str, Bond],
        assessments: Mapping[str, Assessment],
        experiences: Mapping[str, Experience],
    ) -> None:
        self.institutions, self.programmes, self.members = institutions, programmes, members
        self.preferences, self.bonds, self.assessments = preferences, bonds, assessments
        self.experiences = experiences

    def list_of(self, programme_id: str, mentee_id: str) -> PlainList:
        programme, mentee = self.programmes.get(programme_id), self.members.get(mentee_id)
        if programme is None or mentee is None or not programme.is_active:
            return PlainList()
        if not mentee.is_active or programme_id not in mentee.mentee_in:
            return PlainList()
        if mentee.is_paused:
            return PlainList(unmatched="paused")
        if not mentee.topics_wanted or not mentee.languages:
            return PlainList(unmatched="profile_incomplete")
        left = list(self.members.values())
        for code, keeps in self._rules(programme, mentee):
            left = [mentor for mentor in left if keeps(mentor)]
            if not left:
                return PlainList(unmatched=code)
        return self._sorted(programme, mentee, left)

    def _rules(self, programme: Programme, mentee: Member) -> list[tuple[str, Keeps]]:
        return [
            (
                "no_mentor_in_programme",
                lambda mentor: mentor.is_active and programme.id in mentor.mentors_in and mentor.id != mentee.id,
            ),
            ("none_allowed_between_institutions", lambda mentor: self._exchange(programme, mentee, mentor)),
            ("no_common_language", lambda mentor: any(tongue in mentor.languages for tongue in mentee.languages)),
            ("no_common_format", lambda mentor: bool(_formats(mentee, mentor))),
            (
                "not_available",
                lambda mentor: (
                    self._has_seat(mentor)
                    and self._is_open_to(mentee, mentor)
                    and mentor.id not in self._private(mentee).never
                    and mentee.id not in self._private(mentor).never
                    and not any(bond.keeps_apart for bond in self._between(mentee, mentor))
                    and not any(bond.both_ways for bond in self._between(mentor, mentee))
                    and not self._assess(programme, {mentee.id, mentor.id})
                ),
            ),
            ("below_minimum_score", lambda mentor: self._reaches(programme, mentee, mentor)),
        ]

    def _between(self, mentee: Member, mentor: Member) -> list[Bond]:
        return [bond for bond in self.bonds.values() if (bond.mentee, bond.mentor) == (mentee.id, mentor.id)]

    def _assess(self, programme: Programme, both: set[str]) -> bool:
        return any(
            {assessment.assessor, assessment.assessed} == both and programme.id in assessment.programmes
            for assessment in self.assessments.values()
        )

    def _taken(self, mentor: Member) -> int:
        return len([bond for bond in self.bonds.values() if bond.mentor == mentor.id and bond.takes_seat])

    def _carried(self, mentor: Member) -> int:
        return self._taken(mentor) + len(
            [bond for bond in self.bonds.values() if bond.mentor == mentor.id and bond.awaits_answer]
        )

    def _private(self, member: Member) -> Preferences:
        return self.preferences.get(member.id) or Preferences(member=member.id)

    def _exchange(self, programme: Programme, mentee: Member, mentor: Member) -> bool:
        homes = [self.institutions.get(member.institution) for member in (mentee, mentor)]
        for home in homes:
            if home is None or not home.is_active or home.id not in programme.admits:
                return False
        if mentee.institution == mentor.institution:
            return True
        mine, theirs = homes
        assert mine is not None
        assert theirs is not None
        both = theirs.id in mine.exchanges_with and mine.id in theirs.exchanges_with
        goes = self._direction(mine, theirs) != "gives" and self._direction(theirs, mine) != "receives"
        return both and goes and mentee.across_institutions

    def _has_seat(self, mentor: Member) -> bool:
        return not mentor.is_paused and mentor.capacity > self._taken(mentor) and mentor.hours > 0

    def _is_open_to(self, mentee: Member, mentor: Member) -> bool:
        """The mentor opted in, and below a ceiling, where the two are of two institutions."""
        if mentee.institution == mentor.institution:
            return True
        mine, theirs = (self.institutions[member.institution] for member in (mentee, mentor))
        terms = theirs.terms.get(mine.id)
        is_full = terms is not None and terms.ceiling is not None and self._given(mine, theirs) >= terms.ceiling
        return mentor.across_institutions and not is_full

    def _given(self, mentees: Institution, mentors: Institution) -> int:
        between = [bond for bond in self.bonds.values() if bond.exchange == (mentees.id, mentors.id)]
        return len([bond for bond in between if bond.takes_seat])

    def _direction(self, home: Institution, partner: Institution) -> str:
        """Of the home's terms with the partner."""
        terms = home.terms.get(partner.id)
        if terms is None or terms.gives == terms.receives:
            return "both"
        return "gives" if terms.gives else "receives"

    def _weights(self, programme: Programme, mentee: Member) -> list[int]:
        private = self._private(mentee)
        weights = []
        for factor, usual in zip(FACTORS, USUAL, strict=True):
            weight = programme.weights.get(factor, usual) if factor != "identity" else usual  # type: ignore[call-overload]
            weights.append(private.weights.get(factor, weight))  # type: ignore[call-overload]
        if not (private.wishes_shared_identity and private.identity):
            weights[-1] = 0
        return weights

    def _parts(self, programme: Programme, mentee: Member, mentor: Member) -> tuple[int, ...]:
        weights, factors = self._weights(programme, mentee), self._factors(mentee, mentor)
        return tuple(weight * factor for weight, factor in zip(weights, factors, strict=True))

    def _reaches(self, programme: Programme, mentee: Member, mentor: Member) -> bool:
        shown = sum(self._parts(programme, mentee, mentor)[:-3])
        return shown >= programme.minimum_score * sum(self._weights(programme, mentee)[:-3])

    def _sorted(self, programme: Programme, mentee: Member, mentors: list[Member]) -> PlainList:
        rated = [(mentor, self._parts(programme, mentee, mentor)) for mentor in mentors]
        rated.sort(key=lambda pair: (-sum(pair[1]), _lot(programme.id, mentee.id, pair[0].id)))
        first = rated[: programme.list_length]
        return PlainList(tuple((mentor.id, mentor.institution, sum(parts), parts) for mentor, parts in first))

    def _factors(self, mentee: Member, mentor: Member) -> list[int]:
        mine, theirs = self._private(mentee), self._private(mentor)
        asked = mine.identity if mine.wishes_shared_identity else frozenset()
        return [
            _topics(mentee, mentor, mine),
            _specialty(mentee.specialty, mentor.specialty),
            _stage(mentee, mentor),
            {0: 0, 1: 70}.get(len(mentee.languages & mentor.languages), 100),
            100 * len(_formats(mentee, mentor)) // max(1, len(mentee.formats)),
            _zone(mentee, mentor),
            50 if mentee.style is None or mentor.style is None else 100 * (mentee.style == mentor.style),
            _availability(mentee, mentor),
            100 - 100 * self._carried(mentor) // max(1, mentor.capacity, self._carried(mentor)),
            self.experiences[mentor.id].level if mentor.id in self.experiences else 50,
            100 if asked & theirs.identity else 0,
        ]


def _formats(mentee: Member, mentor: Member) -> list[str]:
    same = mentee.institution == mentor.institution
    return [way for way in mentee.formats if way in mentor.formats and (same or way != "in_person")]


def _topics(mentee: Member, mentor: Member, private: Preferences) -> int:
    weights = {topic: 2 if topic in private.topics_most_wanted else 1 for topic in mentee.topics_wanted}
    halves = [
        weight * (2 if topic in mentor.topics_offered else 1)
        for topic, weight in weights.items()
        if topic in mentor.topics_offered | mentor.topics_near
    ]
    return 100 * sum(halves) // (2 * sum(weights.values()))


def _specialty(mine: str | None, theirs: str | None) -> int:
    if mine is None or theirs is None:
        return 0
    term, other = ALSO_CALLED.get(mine, mine), ALSO_CALLED.get(theirs, theirs)
    if term == other:
        return 100
    for specialties in TREE.values():
        for name, within in specialties.items():
            family = [name, *within.split()]
            if term in family and other in family:
                return 75 if name in (term, other) else 50
        branch = [each for name, within in specialties.items() for each in (name, *within.split())]
        if term in branch and other in branch:
            return 20
    return 0


def _stage(mentee: Member, mentor: Member) -> int:
    if mentee.stage is None or mentor.stage is None:
        return 50
    ahead = STAGES.index(mentor.stage) - STAGES.index(mentee.stage)
    ahead = -ahead if mentee.reverse_mentoring else ahead
    return AHEAD[ahead] if ahead >= 0 else 0


def _minutes(member: Member, moment: datetime) -> int:
    try:
        offset = moment.astimezone(ZoneInfo(member.time_zone)).utcoffset()
    except ZoneInfoNotFoundError:
        return 0
    assert offset is not None
    return round(offset.total_seconds() / 60)


def _zone(mine: Member, theirs: Member) -> int:
    apart = 0
    for week in range(52):
        moment = datetime(2027, 1, 6, 12, tzinfo=UTC) + timedelta(days=7 * week)
        minutes = abs(_minutes(mine, moment) - _minutes(theirs, moment))
        apart += min(minutes, 1440 - minutes)
    return 100 - 100 * apart // (52 * 720)


def _availability(mentee: Member, mentor: Member) -> int:
    common = 0
    for moment in (datetime(2027, 1, 13, 12, tzinfo=UTC), datetime(2027, 7, 14, 12, tzinfo=UTC)):
        mine, theirs = _times(mentee, moment), _times(mentor, moment)
        if not mine or not theirs:
            return 50
        common += len(mine & theirs)
    return min(100, 100 * common // 8)


def _times(member: Member, moment: datetime) -> set[int]:
    times = set()
    for weekly in member.available:
        day, since, until = weekly.split("-")
        minute = WEEK.index(day) * 1440 + int(since) * 60
        while minute < WEEK.index(day) * 1440 + int(until) * 60:
            times.add((minute - _minutes(member, moment) // 30 * 30) % (7 * 1440))
            minute += 30
    return times


def _lot(programme: str, mentee: str, mentor: str) -> int:
    mixed = _number(f"{programme}\n{mentee}") ^ _number(mentor)
    for factor, shift in ((0xBF58476D1CE4E5B9, 30), (0x94D049BB133111EB, 27)):
        mixed = (mixed ^ (mixed >> shift)) * factor & _64
    return mixed ^ (mixed >> 31)


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
