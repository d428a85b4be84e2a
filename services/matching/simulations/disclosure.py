"""What is told of other institutions' people: counts in fives, rounded down, of each institution for itself.

The owner knows its own people, and can subtract them; other people's part in a number is then known to within four. So
fewer than five of an institution are in no number, and no difference of two numbers, of two sides or of two rehearsals,
tells exactly how many there are. A total is the sum of what is told, not a number of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.matching.exchange.load.domain import LEAST_GROUP
from services.matching.rounds.solver.figures import thousandths


@dataclass(frozen=True, slots=True)
class SmallCountRounding:
    home: Mapping[str, str]
    """Everybody's institution."""
    owner: str
    """Who is told."""

    def count(self, people: Iterable[str]) -> int:
        counted = Counter(self.home[one] for one in people)
        return sum(n if one == self.owner else in_fives(n) for one, n in counted.items())

    def total(self, amounts: Mapping[str, int]) -> int:
        """Of what each person adds; what fewer than five of an institution add is in no sum."""
        return sum(
            sum(each) if one == self.owner else in_fives(sum(each)) if len(each) >= LEAST_GROUP else 0
            for one, each in self._by_home({who: n for who, n in amounts.items() if n}).items()
        )

    def mean_thousandths(self, amounts: Mapping[str, int]) -> int:
        """Of another institution's people the mean is a whole number, and weighs like their count in fives: thousandths
        of a mean would tell the count.
        """
        whole = weight = 0
        for one, each in self._by_home(amounts).items():
            if one == self.owner:
                whole, weight = whole + sum(each), weight + len(each)
            else:
                mean = (2 * sum(each) + len(each)) // (2 * len(each))
                whole, weight = whole + mean * in_fives(len(each)), weight + in_fives(len(each))
        return thousandths(whole, weight)

    def large(self, people: Iterable[str]) -> frozenset[str]:
        """The owner, and every institution that has five of them and more."""
        counted = Counter(self.home[one] for one in people)
        return frozenset({self.owner} | {one for one, n in counted.items() if n >= LEAST_GROUP})

    def _by_home(self, amounts: Mapping[str, int]) -> Mapping[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for who, amount in amounts.items():
            found[self.home[who]].append(amount)
        return found


def in_fives(number: int) -> int:
    return number - number % LEAST_GROUP
