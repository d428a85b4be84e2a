"""Mentees' own changes that their lists do not reflect yet, each with the event that brought it.

Each list records which state of the mentee's own documents it was computed from. A holder that takes a shard over
compares the two, so an own change outlives the holder that was about to publish it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from services.matching.suggestions.domain import Enrolment, OwnSequences, Stored
from services.matching.suggestions.index.network import Network
from services.matching.suggestions.queue import Origin
from shared.clock import Clock


class Origins(Protocol):
    async def own_origins(self, *, profiles: Collection[str], preferences: Collection[str]) -> Mapping[str, Origin]:
        """By mentee: the event that caused the stored profile, or the stored preferences."""


class OwnChanges:
    def __init__(self, network: Network, origins: Origins, clock: Clock) -> None:
        self._network = network
        self._origins = origins
        self._clock = clock
        self._by_list: dict[str, Origin] = {}

    def add(self, enrolment: Enrolment, origin: Origin) -> None:
        self._by_list[enrolment.id] = origin

    def get(self, enrolment: Enrolment) -> Origin | None:
        return self._by_list.get(enrolment.id)

    def pop(self, enrolment: Enrolment) -> Origin | None:
        return self._by_list.pop(enrolment.id, None)

    def sequences(self, enrolment: Enrolment) -> OwnSequences | None:
        return self._network.own_sequences(enrolment.mentee)

    async def find(self, enrolments: Iterable[Enrolment]) -> None:
        """Adds own changes that a former holder did not publish. Changes added while the store is read are newer, and
        are kept.
        """
        behind = [enrolment for enrolment in enrolments if self._has_unapplied_change(enrolment)]
        reweighed = {enrolment.mentee for enrolment in behind if self._preferences_changed(enrolment)}
        profiles = {enrolment.mentee for enrolment in behind} - reweighed
        found = await self._origins.own_origins(profiles=profiles, preferences=reweighed) if behind else {}
        unknown = Origin(None, self._clock.new_id())
        for enrolment in behind:
            self._by_list.setdefault(enrolment.id, found.get(enrolment.mentee, unknown))

    def is_ahead_of_index(self, enrolment: Enrolment) -> bool:
        """Whether the list was computed from a state that the index does not know yet: its record will be delivered
        (again).
        """
        recorded, now = self._stored(enrolment).own, self.sequences(enrolment)
        return recorded is not None and now is not None and now.is_behind(recorded)

    def _has_unapplied_change(self, enrolment: Enrolment) -> bool:
        """A list that was never stored follows from the mentee's joining."""
        stored, now = self._stored(enrolment), self.sequences(enrolment)
        if now is None or enrolment.id in self._by_list:
            return False
        return stored.version == 0 or (stored.own is not None and stored.own.is_behind(now))

    def _preferences_changed(self, enrolment: Enrolment) -> bool:
        recorded, now = self._stored(enrolment).own, self.sequences(enrolment)
        return recorded is not None and now is not None and recorded.preferences < now.preferences

    def _stored(self, enrolment: Enrolment) -> Stored:
        return self._network.pool(enrolment.programme).stored(enrolment.mentee)
