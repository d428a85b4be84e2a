"""Events ↔ use cases."""

from services.notifications.store import NotificationsStore
from services.notifications.usecases.telling import Telling
from shared.contracts.envelope import Received
from shared.contracts.matching import SuggestionsChanged
from shared.errors import Rejected
from shared.mongo import Session


class Reactions:
    def __init__(self, telling: Telling, store: NotificationsStore) -> None:
        self._telling = telling
        self._store = store

    async def on_suggestions_changed(self, received: Received, session: Session) -> None:
        event = received.payload
        if not isinstance(event, SuggestionsChanged):
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
        await self._telling.suggestions_changed(event, received.envelope.caused(), self._store.within(session))
