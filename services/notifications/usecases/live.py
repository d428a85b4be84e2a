"""Who is listening in this process, and how they are woken: one change stream rings many bells.

A bell says "look again", nothing more: what there is to see, and in which order, the store says.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from services.notifications.domain import Recipient


class Bells:
    def __init__(self) -> None:
        self._bells: dict[Recipient, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, recipient: Recipient) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells.setdefault(recipient, set()).add(bell)
        try:
            yield bell
        finally:
            bells = self._bells[recipient]
            bells.discard(bell)
            if not bells:
                del self._bells[recipient]

    def ring(self, recipient: Recipient) -> None:
        for bell in self._bells.get(recipient, ()):
            bell.set()

    def ring_all(self) -> None:
        for recipient in self._bells:
            self.ring(recipient)

    @property
    def listening(self) -> int:
        return sum(len(bells) for bells in self._bells.values())
