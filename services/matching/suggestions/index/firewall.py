"""Who assesses whom, and where that keeps the two apart: in both directions, programme by programme.

An assessment that counts in no programme is removed: the feed delivers the states of a document in order.
"""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from services.matching.kernel.participants import Assessment


class Firewall:
    def __init__(self) -> None:
        self._of: defaultdict[str, dict[str, Assessment]] = defaultdict(dict)

    def put(self, assessment: Assessment) -> AbstractSet[str]:
        """Returns the programmes in which the assessment begins or ceases to count."""
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
        counting = [assessment for assessment in self._of[member].values() if programme in assessment.programmes]
        return {
            assessment.assessed if assessment.assessor == member else assessment.assessor for assessment in counting
        }

    def of(self, member: str) -> Mapping[str, frozenset[str]]:
        """By programme."""
        known = self._of[member].values() if member in self._of else ()
        programmes = {name for assessment in known for name in assessment.programmes}
        return {name: frozenset(self.around(member, name)) for name in programmes}
