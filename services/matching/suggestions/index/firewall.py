"""Who assesses whom, and where that keeps the two apart: in both directions, programme by programme.

An assessment that counts nowhere any more is forgotten: the feed brings the states of one document in order.
"""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from services.matching.kernel.participants import Assessment


class Firewall:
    def __init__(self) -> None:
        self._of: defaultdict[str, dict[str, Assessment]] = defaultdict(dict)

    def put(self, assessment: Assessment) -> AbstractSet[str]:
        """The programmes in which it begins or ceases to count."""
        known = self._of[assessment.assessor].get(assessment.id) if assessment.assessor in self._of else None
        if known is not None and known.sequence >= assessment.sequence:
            return frozenset()
        for member in (assessment.assessor, assessment.assessed):
            if assessment.programmes:
                self._of[member][assessment.id] = assessment
            elif member in self._of:
                self._of[member].pop(assessment.id, None)
        return assessment.programmes ^ (known.programmes if known else frozenset())

    def around(self, member: str, programme: str) -> AbstractSet[str]:
        """Whom this member assesses or is assessed by."""
        if member not in self._of:
            return frozenset()
        counting = [one for one in self._of[member].values() if programme in one.programmes]
        return {one.assessed if one.assessor == member else one.assessor for one in counting}

    def of(self, member: str) -> Mapping[str, frozenset[str]]:
        """By programme."""
        known = self._of[member].values() if member in self._of else ()
        programmes = {name for one in known for name in one.programmes}
        return {name: frozenset(self.around(member, name)) for name in programmes}
