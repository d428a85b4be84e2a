"""Who is listening in this process, and how they are woken: one change stream rings many bells.

A bell says "look again", nothing more: what there is to see, and in which order, the store says.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from services.notifications.domain import Recipient


class InboxListeners:
    def __init__(self) -> None:
        self._listeners: dict[Recipient, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, recipient: Recipient) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._listeners.setdefault(recipient, set()).add(bell)
        try:
            yield bell
        finally:
            listeners = self._listeners[recipient]
            listeners.discard(bell)
            if not listeners:
                del self._listeners[recipient]

    def ring(self, recipient: Recipient) -> None:
        for bell in self._listeners.get(recipient, ()):
            bell.set()

    def ring_all(self) -> None:
        for recipient in self._listeners:
            self.ring(recipient)

    @property
    def listening(self) -> int:
        return sum(len(listeners) for listeners in self._listeners.values())
