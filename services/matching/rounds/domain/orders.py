"""A coordinator's orders for a round: members' own wishes, pairs to fix (pins), pairs to keep apart (exclusions).

A wish that a rule forbids is ignored without an error, because an error would reveal a private rule such as a
never-list. A pin must be possible.
"""

import json
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar

from services.matching.kernel import rules
from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier, Named, resolve
from shared.errors import FieldError, Rejected

_MOST_ERRORS = 20
Key = TypeVar("Key", bound=Hashable)
Couple = tuple[str, str]
"""Member ids of mentee and mentor."""
NamedCouple = tuple[Named, Named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A member's own wishes, the first choice first."""

    member: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    wishes: tuple[Choice, ...] = ()
    """Of mentees, for mentors."""
    mentor_wishes: tuple[Choice, ...] = ()
    """Of mentors, for mentees."""
    pins: tuple[Couple, ...] = ()
    exclusions: tuple[Couple, ...] = ()

    def text(self) -> bytes:
        choices = {
            "wishes": [[wish.member, *wish.choices] for wish in self.wishes],
            "mentor_wishes": [[wish.member, *wish.choices] for wish in self.mentor_wishes],
        }
        return json.dumps({**choices, "pins": self.pins, "exclusions": self.exclusions}).encode()

    @classmethod
    def read(cls, text: bytes) -> Self:
        given = json.loads(text)
        return cls(
            wishes=tuple(Choice(member=id, choices=tuple(choices)) for id, *choices in given["wishes"]),
            mentor_wishes=tuple(Choice(member=id, choices=tuple(choices)) for id, *choices in given["mentor_wishes"]),
            pins=tuple((mentee, mentor) for mentee, mentor in given["pins"]),
            exclusions=tuple((mentee, mentor) for mentee, mentor in given["exclusions"]),
        )

    @property
    def named(self) -> frozenset[str]:
        """All members named in the orders."""
        wishing = [id for wish in (*self.wishes, *self.mentor_wishes) for id in (wish.member, *wish.choices)]
        return frozenset(wishing) | {id for couple in (*self.pins, *self.exclusions) for id in couple}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOrders:
    """`Orders` whose pins and exclusions may name members by an identifier."""

    wishes: tuple[Choice, ...] = ()
    mentor_wishes: tuple[Choice, ...] = ()
    pins: tuple[NamedCouple, ...] = ()
    exclusions: tuple[NamedCouple, ...] = ()

    @property
    def identifiers(self) -> frozenset[Identifier]:
        named = (name for couple in (*self.pins, *self.exclusions) for name in couple)
        return frozenset(name for name in named if isinstance(name, Identifier))

    def resolved(self, found: MembersByIdentifier) -> Orders:
        """Raises `Rejected` where an identifier does not belong to exactly one member."""
        wrong: list[FieldError] = []
        pins = _resolved("pins", self.pins, found, wrong)
        exclusions = _resolved("exclusions", self.exclusions, found, wrong)
        if wrong:
            raise _invalid(wrong[:_MOST_ERRORS])
        return Orders(wishes=self.wishes, mentor_wishes=self.mentor_wishes, pins=pins, exclusions=exclusions)


def _resolved(
    name: str, couples: Sequence[NamedCouple], found: MembersByIdentifier, wrong: list[FieldError]
) -> tuple[Couple, ...]:
    """Adds an error to `wrong` for each identifier that cannot be resolved."""
    resolved: list[Couple] = []
    for index, (mentee, mentor) in enumerate(couples):
        both = (
            resolve(mentee, found, field=f"{name}.{index}.mentee"),
            resolve(mentor, found, field=f"{name}.{index}.mentor"),
        )
        wrong += [error for error in both if isinstance(error, FieldError)]
        if isinstance(both[0], str) and isinstance(both[1], str):
            resolved.append((both[0], both[1]))
    return tuple(resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The members whom orders may name, and the policy of the round's programme."""

    policy: Policy
    people: Mapping[str, Person]
    mentors: Mapping[str, int]
    """How many mentors a mentee has in this programme; mentees without one may be left out."""

    def has_mentee(self, id: str) -> bool:
        person = self.people.get(id)
        return person is not None and rules.is_mentee(person, self.policy) and self._admits(person)

    def has_mentor(self, id: str) -> bool:
        person = self.people.get(id)
        return person is not None and rules.is_mentor(person, self.policy) and self._admits(person)

    def may_meet(self, couple: Couple) -> bool:
        mentee, mentor = couple
        is_possible = not rules.broken(self.people[mentee], self.people[mentor], self.policy)
        return is_possible and self.mentors_wanted(mentee) > 0

    def mentors_wanted(self, mentee: str) -> int:
        """How many more mentors the mentee wants; 0 or less: none."""
        return self.people[mentee].member.mentors_wanted - self.mentors.get(mentee, 0)

    def exchange(self, couple: Couple) -> Exchange:
        mentee, mentor = (self.people[id].member.institution for id in couple)
        return mentee, mentor

    def seats(self, mentor: str) -> int:
        person = self.people[mentor]
        return max(0, person.member.capacity - person.taken)

    def _admits(self, person: Person) -> bool:
        return self.policy.admits(person.member.institution)


def check(orders: Orders, company: Company) -> None:
    """Raises `Rejected`: `round_orders_invalid`, or `round_infeasible` where not all pins can be kept."""
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
        yield from _duplicates(couples, name)
        for index, (mentee, mentor) in enumerate(couples):
            yield from _unknown(mentee, f"{name}.{index}.mentee", company, is_mentee=True)
            yield from _unknown(mentor, f"{name}.{index}.mentor", company, is_mentee=False)
    yield from _wrong_pins(orders, company)


def _wrong_choices(name: str, given: Sequence[Choice], company: Company, *, are_mentees: bool) -> Iterator[FieldError]:
    member_field, choices_field = ("mentee", "mentors") if are_mentees else ("mentor", "mentees")
    yield from _duplicates([wish.member for wish in given], name)
    for index, wish in enumerate(given):
        yield from _unknown(wish.member, f"{name}.{index}.{member_field}", company, is_mentee=are_mentees)
        yield from _duplicates(wish.choices, f"{name}.{index}.{choices_field}")
        for rank, chosen in enumerate(wish.choices):
            field = f"{name}.{index}.{choices_field}.{rank}"
            yield from _unknown(chosen, field, company, is_mentee=not are_mentees)


def _wrong_pins(orders: Orders, company: Company) -> Iterator[FieldError]:
    excluded = {couple: index for index, couple in enumerate(orders.exclusions)}
    first: dict[str, int] = {}
    for index, couple in enumerate(orders.pins):
        mentee, mentor = couple
        if (before := first.setdefault(mentee, index)) != index and couple != orders.pins[before]:
            yield FieldError(f"pins.{index}", f"contradicts pins.{before}: a mentee is pinned to one mentor")
        if (exclusion := excluded.get(couple)) is not None:
            yield FieldError(f"pins.{index}", f"contradicts exclusions.{exclusion}: pin the pair or keep it apart")
        if company.has_mentee(mentee) and company.has_mentor(mentor) and not company.may_meet(couple):
            message = "a rule forbids this pair, one of them is not available, or the mentee has enough mentors here"
            yield FieldError(f"pins.{index}", message)


def _infeasible(orders: Orders, company: Company) -> Iterator[FieldError]:
    for mentor, fields in _pins_by(couple[1] for couple in orders.pins).items():
        if len(fields) > (seats := company.seats(mentor)):
            which = ", ".join(fields[:_MOST_ERRORS])
            yield FieldError(fields[0], f"the mentor has {seats} seats left, and is named by {which}")

    by_exchange = _pins_by(company.exchange(couple) for couple in orders.pins)
    for exchange in company.policy.capped(by_exchange):
        fields = by_exchange[exchange]
        if len(fields) > (left := company.policy.left(exchange) or 0):
            which = ", ".join(fields[:_MOST_ERRORS])
            message = f"{exchange[1]} gives {exchange[0]} {left} more seats, and more are pinned: {which}"
            yield FieldError(fields[0], message)


def _pins_by(keys: Iterable[Key]) -> Mapping[Key, list[str]]:
    """`keys` of the pins, in their order; returns the fields of the pins by key."""
    fields: dict[Key, list[str]] = defaultdict(list)
    for index, key in enumerate(keys):
        fields[key].append(f"pins.{index}")
    return fields


def _unknown(id: str, field: str, company: Company, *, is_mentee: bool) -> Iterator[FieldError]:
    if not (company.has_mentee(id) if is_mentee else company.has_mentor(id)):
        yield FieldError(field, f"is not a {'mentee' if is_mentee else 'mentor'} of this programme")


def _duplicates(values: Sequence[Hashable], name: str) -> Iterator[FieldError]:
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if (before := first.setdefault(value, index)) != index:
            yield FieldError(f"{name}.{index}", f"appears twice: {name}.{before} is the same")
