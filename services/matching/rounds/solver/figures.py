"""Figures by which a coordinator compares the two targets: whole numbers, thousandths rounded half up."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.certificate import Certified
from services.matching.rounds.solver.files import Figures, Flow
from services.matching.rounds.solver.model import Longs


def figures(turns: Sequence[Certified], *, homes: tuple[Sequence[str], Sequence[str]]) -> Figures:
    """`homes`: the institutions of the mentees and of the mentors, in the order of the instances."""
    instance = turns[0].instance
    place, score, mentee, mentor = (
        np.concatenate([getattr(turn.instance, name)[turn.kept] for turn in turns])
        for name in ("place", "score", "mentee", "mentor")
    )
    held = np.bincount(mentor, minlength=len(instance.mentors))
    return Figures(
        mentees=int(instance.takes_part.sum()),
        matched=turns[0].kept.size,
        pairs=place.size if (instance.waits | (instance.wanted > 1)).any() else None,
        first_choices=int((place == 1).sum()),
        mean_place_thousandths=thousandths(int(place.sum()), place.size),
        load_gini_thousandths=gini(held[instance.capacity > 0]),
        score=int(score.sum()),
        flow=_flow(mentee, mentor, homes),
    )


def thousandths(numerator: int, denominator: int) -> int:
    return (2000 * numerator + denominator) // (2 * denominator) if denominator else 0


def gini(load: Longs) -> int:
    """Gini's coefficient in thousandths: the sum of (2 i - n - 1) x_i over n times the sum of x, x in rising order."""
    rising = np.sort(load)
    weight = 2 * np.arange(1, rising.size + 1) - rising.size - 1
    return thousandths(int((weight * rising).sum()), rising.size * int(rising.sum()))


def _flow(mentee: Rows, mentor: Rows, homes: tuple[Sequence[str], Sequence[str]]) -> tuple[Flow, ...]:
    mentees, mentors = homes
    pairs = zip(mentee.tolist(), mentor.tolist(), strict=True)
    counted = Counter((mentees[receives], mentors[gives]) for receives, gives in pairs)
    return tuple(
        Flow(mentee_institution=mentees_home, mentor_institution=mentors_home, pairs=count)
        for (mentees_home, mentors_home), count in sorted(counted.items())
    )
