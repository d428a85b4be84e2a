"""The quiet audit: for ever, at a low rate, some list is read from the store, made anew from all mentors, and compared.

Only lists that nothing waits for are looked at, so a difference is a fault: it is counted, and the list is renewed.
"""

from typing import Protocol

from services.matching.kernel.scoring import seed
from services.matching.suggestions.domain import NOT_ENROLLED, Enrolment
from services.matching.suggestions.updater import AtRest, Found, ListUpdater
from shared.clock import Clock


class StoredLists(Protocol):
    async def stored(self, enrolment: Enrolment, *, fence: int) -> Found | None:
        """None where there is none, or somebody else keeps it now."""


class Watch(Protocol):
    def audited(self, *, differs: bool) -> None: ...


class Audit:
    def __init__(self, updater: ListUpdater, lists: StoredLists, *, clock: Clock, watch: Watch) -> None:
        self._keeper = updater
        self._lists = lists
        self._clock = clock
        self._watch = watch

    async def look(self) -> None:
        """At one list; at none where the one that chance names is being renewed."""
        enrolment = self._keeper.any_list(seed(self._clock.new_id()))
        if enrolment is None or (before := self._keeper.at_rest(enrolment)) is None:
            return
        found = await self._stored(enrolment, before)
        if found is None or self._keeper.at_rest(enrolment) != before:
            return
        differs = found.shortlist != self._keeper.anew(enrolment)
        self._watch.audited(differs=differs)
        if differs:
            self._keeper.mend(found)

    async def _stored(self, enrolment: Enrolment, known: AtRest) -> Found | None:
        """An empty list that was never stored is as good as one that was; None where another holder wrote since."""
        if known.stored.version == 0:
            return Found(enrolment, NOT_ENROLLED, 0, None)
        found = await self._lists.stored(enrolment, fence=known.fence)
        return found if found and found.version == known.stored.version else None
