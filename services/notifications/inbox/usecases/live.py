"""The listeners of live inboxes in this process, woken by one change stream.

A wake-up carries no content: the listener queries the repository for new notifications and their order.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from services.notifications.kernel.domain import Recipient


class InboxListeners:
    def __init__(self) -> None:
        self._listeners: dict[Recipient, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, recipient: Recipient) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._listeners.setdefault(recipient, set()).add(woken)
        try:
            yield woken
        finally:
            listeners = self._listeners[recipient]
            listeners.discard(woken)
            if not listeners:
                del self._listeners[recipient]

    def wake(self, recipient: Recipient) -> None:
        for woken in self._listeners.get(recipient, ()):
            woken.set()

    def wake_all(self) -> None:
        for recipient in self._listeners:
            self.wake(recipient)

    @property
    def listening(self) -> int:
        return sum(len(listeners) for listeners in self._listeners.values())
