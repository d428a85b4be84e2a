"""The audit of lists: at a low rate a random list is read from the store and compared with one computed from all
mentors.

Only lists without a pending renewal are compared, so a difference is a fault: it is counted, and the list is renewed.
"""

from typing import Protocol

from services.matching.kernel.scoring import seed
from services.matching.suggestions.domain import NOT_ENROLLED, Enrolment
from services.matching.suggestions.updater import ListSnapshot, ListUpdater, Settled
from shared.clock import Clock


class StoredLists(Protocol):
    async def stored(self, enrolment: Enrolment, *, fence: int) -> ListSnapshot | None:
        """None where no list is stored, or another process holds its shard."""


class Watch(Protocol):
    def audited(self, *, differs: bool) -> None: ...


class Audit:
    def __init__(self, updater: ListUpdater, lists: StoredLists, *, clock: Clock, watch: Watch) -> None:
        self._updater = updater
        self._lists = lists
        self._clock = clock
        self._watch = watch

    async def look(self) -> None:
        """Audits a random list; does nothing where that list is being renewed."""
        enrolment = self._updater.any_list(seed(self._clock.new_id()))
        if enrolment is None or (before := self._updater.settled(enrolment)) is None:
            return
        found = await self._stored(enrolment, before)
        if found is None or self._updater.settled(enrolment) != before:
            return
        differs = found.shortlist != self._updater.recomputed(enrolment)
        self._watch.audited(differs=differs)
        if differs:
            self._updater.correct(found)

    async def _stored(self, enrolment: Enrolment, known: Settled) -> ListSnapshot | None:
        """The stored list, or an empty one where none was ever stored; None where another holder has written since."""
        if known.stored.version == 0:
            return ListSnapshot(enrolment, NOT_ENROLLED, 0, None)
        found = await self._lists.stored(enrolment, fence=known.fence)
        return found if found and found.version == known.stored.version else None
