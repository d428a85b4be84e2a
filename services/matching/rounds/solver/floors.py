"""Floors between institutions beside what a round would give: told to who chooses, enforced by nobody."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.matching.exchange.load.domain import LEAST_GROUP
from services.matching.kernel.participants import Exchange, Policy
from services.matching.rounds.solver.files import Compared, Figures, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What a mentors' institution means to give, and the seats taken when people were frozen, in all programmes."""

    mentee_institution: str
    mentor_institution: str
    floor: int
    given: int

    @property
    def exchange(self) -> Exchange:
        return self.mentee_institution, self.mentor_institution


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """`given` and `after` are None where fewer than five are given now, and neither institution is told."""

    mentee_institution: str
    mentor_institution: str
    floor: int
    given: int | None
    after: Mapping[Target, int | None]
    """If the round were published as each target that was solved has it."""


def floors(policy: Policy) -> Iterator[Floor]:
    """Between institutions that the programme brings together."""
    for mentors in sorted(policy.programme.admits & policy.institutions.keys()):
        for mentees, terms in sorted(policy.institutions[mentors].terms.items()):
            if terms.floor and policy.exchanges(mentees, mentors):
                yield Floor(
                    mentee_institution=mentees,
                    mentor_institution=mentors,
                    floor=terms.floor,
                    given=policy.given.get((mentees, mentors), 0),
                )


def unreached(floors: Iterable[Floor], figures: Compared, *, told: str) -> Iterator[Unreached]:
    """Of either target. `told`: the institution whose coordinator reads this."""
    targets: dict[Target, Figures | None] = {"fit": figures.fit, "coverage": figures.coverage}
    solved = {target: _pairs(one) for target, one in targets.items() if one is not None}
    for one in floors:
        after = {target: one.given + pairs.get(one.exchange, 0) for target, pairs in solved.items()}
        is_told = told in one.exchange or one.given >= LEAST_GROUP
        if any(given < one.floor for given in after.values()):
            yield Unreached(
                mentee_institution=one.mentee_institution,
                mentor_institution=one.mentor_institution,
                floor=one.floor,
                given=one.given if is_told else None,
                after={target: given if is_told else None for target, given in after.items()},
            )


def _pairs(figures: Figures) -> dict[Exchange, int]:
    return {(one.mentee_institution, one.mentor_institution): one.pairs for one in figures.flow}
