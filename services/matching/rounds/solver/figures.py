"""Figures by which a coordinator compares the two targets: whole numbers, thousandths rounded half up."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.files import Figures, Flow
from services.matching.rounds.solver.model import NONE, Instance, Longs


def figures(instance: Instance, outcome: Rows, *, homes: tuple[Sequence[str], Sequence[str]]) -> Figures:
    """`homes`: the institutions of the mentees and of the mentors, in the order of `instance`."""
    kept = outcome[outcome != NONE]
    place = instance.place[kept]
    held = np.bincount(instance.mentor[kept], minlength=len(instance.mentors))
    return Figures(
        mentees=len(instance.mentees),
        matched=kept.size,
        first_choices=int((place == 1).sum()),
        mean_place_thousandths=thousandths(int(place.sum()), kept.size),
        load_gini_thousandths=gini(held[instance.capacity > 0]),
        score=int(instance.score[kept].sum()),
        flow=_flow(instance, kept, homes),
    )


def thousandths(numerator: int, denominator: int) -> int:
    return (2000 * numerator + denominator) // (2 * denominator) if denominator else 0


def gini(load: Longs) -> int:
    """Gini's coefficient in thousandths: the sum of (2 i - n - 1) x_i over n times the sum of x, x in rising order."""
    rising = np.sort(load)
    weight = 2 * np.arange(1, rising.size + 1) - rising.size - 1
    return thousandths(int((weight * rising).sum()), rising.size * int(rising.sum()))


def _flow(instance: Instance, kept: Rows, homes: tuple[Sequence[str], Sequence[str]]) -> tuple[Flow, ...]:
    mentees, mentors = homes
    pairs = zip(instance.mentee[kept].tolist(), instance.mentor[kept].tolist(), strict=True)
    counted = Counter((mentees[mentee], mentors[mentor]) for mentee, mentor in pairs)
    return tuple(
        Flow(mentee_institution=mentees_home, mentor_institution=mentors_home, pairs=count)
        for (mentees_home, mentors_home), count in sorted(counted.items())
    )
