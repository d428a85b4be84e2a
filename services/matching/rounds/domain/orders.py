"""What a coordinator gives a round along: people's own wishes, pairs to fix, pairs to keep apart. All of it is named.

A wish that a rule forbids is passed over in silence, as its pair would be: an answer would tell who wants to avoid
whom. A pin must be possible.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar

from services.matching.kernel import rules
from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.projections.lookup.domain import Found, Identifier, Named, resolve
from shared.errors import FieldError, Rejected

_MOST_ERRORS = 20
Key = TypeVar("Key", bound=Hashable)
Couple = tuple[str, str]
"""Mentee and mentor."""
NamedCouple = tuple[Named, Named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Somebody's own, the first choice first."""

    member: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    wishes: tuple[Choice, ...] = ()
    """Mentees' of mentors."""
    mentor_wishes: tuple[Choice, ...] = ()
    """Mentors' of mentees."""
    pins: tuple[Couple, ...] = ()
    exclusions: tuple[Couple, ...] = ()

    def text(self) -> bytes:
        choices = {
            "wishes": [[one.member, *one.choices] for one in self.wishes],
            "mentor_wishes": [[one.member, *one.choices] for one in self.mentor_wishes],
        }
        return json.dumps({**choices, "pins": self.pins, "exclusions": self.exclusions}).encode()

    @classmethod
    def read(cls, text: bytes) -> Self:
        given = json.loads(text)
        return cls(
            wishes=tuple(Choice(member=who, choices=tuple(whom)) for who, *whom in given["wishes"]),
            mentor_wishes=tuple(Choice(member=who, choices=tuple(whom)) for who, *whom in given["mentor_wishes"]),
            pins=tuple((mentee, mentor) for mentee, mentor in given["pins"]),
            exclusions=tuple((mentee, mentor) for mentee, mentor in given["exclusions"]),
        )

    @property
    def named(self) -> frozenset[str]:
        """Everybody."""
        chosen = [who for one in (*self.wishes, *self.mentor_wishes) for who in (one.member, *one.choices)]
        return frozenset(chosen) | {who for couple in (*self.pins, *self.exclusions) for who in couple}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOrders:
    """As `Orders`, before the members named by an identifier are known."""

    wishes: tuple[Choice, ...] = ()
    mentor_wishes: tuple[Choice, ...] = ()
    pins: tuple[NamedCouple, ...] = ()
    exclusions: tuple[NamedCouple, ...] = ()

    @property
    def identifiers(self) -> frozenset[Identifier]:
        named = (one for couple in (*self.pins, *self.exclusions) for one in couple)
        return frozenset(one for one in named if isinstance(one, Identifier))

    def resolved(self, found: Found) -> Orders:
        """Raises `Rejected` where an identifier is not exactly one member's."""
        wrong: list[FieldError] = []
        pins = _resolved("pins", self.pins, found, wrong)
        exclusions = _resolved("exclusions", self.exclusions, found, wrong)
        if wrong:
            raise _invalid(wrong[:_MOST_ERRORS])
        return Orders(wishes=self.wishes, mentor_wishes=self.mentor_wishes, pins=pins, exclusions=exclusions)


def _resolved(name: str, couples: Sequence[NamedCouple], found: Found, wrong: list[FieldError]) -> tuple[Couple, ...]:
    """What cannot be resolved is added to `wrong`."""
    resolved: list[Couple] = []
    for place, (mentee, mentor) in enumerate(couples):
        both = (
            resolve(mentee, found, field=f"{name}.{place}.mentee"),
            resolve(mentor, found, field=f"{name}.{place}.mentor"),
        )
        wrong += [one for one in both if isinstance(one, FieldError)]
        if isinstance(both[0], str) and isinstance(both[1], str):
            resolved.append((both[0], both[1]))
    return tuple(resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Those of whom the orders may speak."""

    policy: Policy
    people: Mapping[str, Person]
    engaged: Collection[str]
    """Mentees who have a mentor in this programme."""

    def has_mentee(self, id: str) -> bool:
        person = self.people.get(id)
        return person is not None and rules.is_mentee(person, self.policy) and self._admits(person)

    def has_mentor(self, id: str) -> bool:
        person = self.people.get(id)
        return person is not None and rules.is_mentor(person, self.policy) and self._admits(person)

    def may_meet(self, couple: Couple) -> bool:
        mentee, mentor = couple
        return mentee not in self.engaged and not rules.broken(self.people[mentee], self.people[mentor], self.policy)

    def exchange(self, couple: Couple) -> Exchange:
        mentee, mentor = (self.people[one].member.institution for one in couple)
        return mentee, mentor

    def seats(self, mentor: str) -> int:
        person = self.people[mentor]
        return max(0, person.member.capacity - person.taken)

    def _admits(self, person: Person) -> bool:
        return self.policy.admits(person.member.institution)


def check(orders: Orders, company: Company) -> None:
    """Raises `Rejected`: the orders are wrong, or (`round_infeasible`) cannot all be kept."""
    if wrong := tuple(islice(_wrong(orders, company), _MOST_ERRORS)):
        raise _invalid(wrong)
    if wrong := tuple(islice(_infeasible(orders, company), _MOST_ERRORS)):
        raise Rejected("round_infeasible", "not every pin can be kept with the seats that are left: see errors", wrong)


def _invalid(wrong: Sequence[FieldError]) -> Rejected:
    return Rejected("round_orders_invalid", "the round cannot be opened with these orders: see errors", tuple(wrong))


def _wrong(orders: Orders, company: Company) -> Iterator[FieldError]:
    yield from _wrong_choices("wishes", orders.wishes, company, are_mentees=True)
    yield from _wrong_choices("mentor_wishes", orders.mentor_wishes, company, are_mentees=False)
    for name, couples in (("pins", orders.pins), ("exclusions", orders.exclusions)):
        yield from _twice(couples, name)
        for place, (mentee, mentor) in enumerate(couples):
            yield from _unknown(mentee, f"{name}.{place}.mentee", company, is_mentee=True)
            yield from _unknown(mentor, f"{name}.{place}.mentor", company, is_mentee=False)
    yield from _wrong_pins(orders, company)


def _wrong_choices(name: str, given: Sequence[Choice], company: Company, *, are_mentees: bool) -> Iterator[FieldError]:
    who, whom = ("mentee", "mentors") if are_mentees else ("mentor", "mentees")
    yield from _twice([one.member for one in given], name)
    for place, one in enumerate(given):
        yield from _unknown(one.member, f"{name}.{place}.{who}", company, is_mentee=are_mentees)
        yield from _twice(one.choices, f"{name}.{place}.{whom}")
        for nth, chosen in enumerate(one.choices):
            yield from _unknown(chosen, f"{name}.{place}.{whom}.{nth}", company, is_mentee=not are_mentees)


def _wrong_pins(orders: Orders, company: Company) -> Iterator[FieldError]:
    excluded = {couple: place for place, couple in enumerate(orders.exclusions)}
    first: dict[str, int] = {}
    for place, couple in enumerate(orders.pins):
        mentee, mentor = couple
        if (before := first.setdefault(mentee, place)) != place and couple != orders.pins[before]:
            yield FieldError(f"pins.{place}", f"contradicts pins.{before}: a mentee is pinned to one mentor")
        if (other := excluded.get(couple)) is not None:
            yield FieldError(f"pins.{place}", f"contradicts exclusions.{other}: pin the pair or keep it apart")
        if company.has_mentee(mentee) and company.has_mentor(mentor) and not company.may_meet(couple):
            said = "a rule keeps these two apart, one of them takes nobody now, or the mentee has a mentor here"
            yield FieldError(f"pins.{place}", said)


def _infeasible(orders: Orders, company: Company) -> Iterator[FieldError]:
    for mentor, named in _places(couple[1] for couple in orders.pins).items():
        if len(named) > (seats := company.seats(mentor)):
            which = ", ".join(named[:_MOST_ERRORS])
            yield FieldError(named[0], f"the mentor has {seats} seats left, and is named by {which}")

    across = _places(company.exchange(couple) for couple in orders.pins)
    for exchange in company.policy.capped(across):
        named = across[exchange]
        if len(named) > (left := company.policy.left(exchange) or 0):
            which = ", ".join(named[:_MOST_ERRORS])
            said = f"{exchange[1]} gives {exchange[0]} {left} more seats, and more are pinned: {which}"
            yield FieldError(named[0], said)


def _places(keys: Iterable[Key]) -> Mapping[Key, list[str]]:
    """Which pins have which key."""
    places: dict[Key, list[str]] = defaultdict(list)
    for nth, key in enumerate(keys):
        places[key].append(f"pins.{nth}")
    return places


def _unknown(id: str, place: str, company: Company, *, is_mentee: bool) -> Iterator[FieldError]:
    if not (company.has_mentee(id) if is_mentee else company.has_mentor(id)):
        yield FieldError(place, f"is not a {'mentee' if is_mentee else 'mentor'} of this programme")


def _twice(values: Sequence[Hashable], name: str) -> Iterator[FieldError]:
    first: dict[Hashable, int] = {}
    for place, value in enumerate(values):
        if (before := first.setdefault(value, place)) != place:
            yield FieldError(f"{name}.{place}", f"appears twice: {name}.{before} is the same")
