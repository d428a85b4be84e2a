"""Floors between institutions that a round would leave unreached: shown to the coordinator, not enforced."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.matching.exchange.load.domain import LEAST_GROUP
from services.matching.kernel.participants import Exchange, Policy
from services.matching.rounds.solver.files import Compared, Figures, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The seats that the mentors' institution means to give, and those taken at the freeze, in all programmes."""

    mentee_institution: str
    mentor_institution: str
    floor: int
    given: int

    @property
    def exchange(self) -> Exchange:
        return self.mentee_institution, self.mentor_institution


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """`given` and the values of `after` are None where the reader belongs to neither institution and fewer than five
    seats are given.
    """

    mentee_institution: str
    mentor_institution: str
    floor: int
    given: int | None
    after: Mapping[Target, int | None]
    """Seats given if the round were published, by target that was solved."""


def floors(policy: Policy) -> Iterator[Floor]:
    """Floors between the institutions that the programme admits."""
    for mentors in sorted(policy.programme.admits & policy.institutions.keys()):
        for mentees, terms in sorted(policy.institutions[mentors].terms.items()):
            if terms.floor and policy.exchanges(mentees, mentors):
                yield Floor(
                    mentee_institution=mentees,
                    mentor_institution=mentors,
                    floor=terms.floor,
                    given=policy.given.get((mentees, mentors), 0),
                )


def unreached(floors: Iterable[Floor], figures: Compared, *, reader: str) -> Iterator[Unreached]:
    """Floors unreached under either target. `reader`: the institution whose coordinator reads them."""
    targets: dict[Target, Figures | None] = {"fit": figures.fit, "coverage": figures.coverage}
    solved = {target: _pairs(known) for target, known in targets.items() if known is not None}
    for floor in floors:
        after = {target: floor.given + pairs.get(floor.exchange, 0) for target, pairs in solved.items()}
        is_shown = reader in floor.exchange or floor.given >= LEAST_GROUP
        if any(given < floor.floor for given in after.values()):
            yield Unreached(
                mentee_institution=floor.mentee_institution,
                mentor_institution=floor.mentor_institution,
                floor=floor.floor,
                given=floor.given if is_shown else None,
                after={target: given if is_shown else None for target, given in after.items()},
            )


def _pairs(figures: Figures) -> dict[Exchange, int]:
    return {(flow.mentee_institution, flow.mentor_institution): flow.pairs for flow in figures.flow}
