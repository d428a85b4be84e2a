"""Seats taken, separated pairs and pending requests, from the newest state of each relationship and each request.

A bond without any effect is removed: the feed delivers the states of a document in order.
"""

from collections import Counter, defaultdict
from collections.abc import Set as AbstractSet

from services.matching.kernel.participants import Bond, Exchange
from shared.contracts.profiles import Role


class Bonds:
    def __init__(self) -> None:
        self._of: defaultdict[str, dict[str, Bond]] = defaultdict(dict)
        self.given: Counter[Exchange] = Counter()
        """Seats taken across institutions."""
        self._pending: dict[str, Bond] = {}

    def put(self, bond: Bond) -> bool:
        """Returns whether the effect of the bond changes."""
        known = self._of[bond.mentee].get(bond.id) if bond.mentee in self._of else None
        if known is not None and known.sequence >= bond.sequence:
            return False
        binds = bond.takes_seat or bond.keeps_apart or bond.awaits_answer
        if bond.exchange is not None:
            self.given[bond.exchange] += bond.takes_seat - (known is not None and known.takes_seat)
        if bond.awaits_answer:
            self._pending[bond.id] = bond
        else:
            self._pending.pop(bond.id, None)
        for member in (bond.mentee, bond.mentor):
            if binds:
                self._of[member][bond.id] = bond
            elif member in self._of:
                self._of[member].pop(bond.id, None)
        if known is None:
            return binds
        return _does(known) != _does(bond)

    def taken(self, mentor: str) -> int:
        return sum(bond.takes_seat for bond in self._known(mentor) if bond.mentor == mentor)

    def asked(self, mentor: str) -> int:
        return sum(bond.awaits_answer for bond in self._known(mentor) if bond.mentor == mentor)

    def pending(self) -> list[Bond]:
        return list(self._pending.values())

    def pending_of(self, member: str) -> list[Bond]:
        """In either role."""
        return [bond for bond in self._known(member) if bond.awaits_answer]

    def mentors(self, mentee: str, programme: str) -> int:
        """How many mentors the mentee has in the programme."""
        known = self._known(mentee)
        return sum(bond.takes_seat and bond.mentee == mentee and bond.programme == programme for bond in known)

    def separated_from(self, member: str, role: Role) -> AbstractSet[str]:
        """The other side of bonds in which this member is the mentor, or the mentee: unless a bond holds both ways, the
        reverse pair may be made.
        """
        keeping = [bond for bond in self._known(member) if bond.keeps_apart]
        as_mentee = {bond.mentor for bond in keeping if bond.mentee == member and (role == "mentee" or bond.both_ways)}
        as_mentor = {bond.mentee for bond in keeping if bond.mentor == member and (role == "mentor" or bond.both_ways)}
        return as_mentee | as_mentor

    def holds_both_ways(self, bond: Bond) -> bool:
        """Whether the known state of this bond does."""
        known = self._of[bond.mentee].get(bond.id) if bond.mentee in self._of else None
        return known is not None and known.both_ways

    def _known(self, member: str) -> list[Bond]:
        return list(self._of[member].values()) if member in self._of else []


def _does(bond: Bond) -> tuple[bool, bool, bool, bool]:
    return bond.takes_seat, bond.keeps_apart, bond.both_ways, bond.awaits_answer
