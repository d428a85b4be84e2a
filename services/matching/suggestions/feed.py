"""The index's source: a scan of the collections that lists depend on, and a change stream over them."""

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

from services.matching.feedback.documents import EXPERIENCES, experience_of
from services.matching.mentoring.repository.pairs import (
    APART,
    OPEN,
    PENDING,
    RELATIONSHIPS,
    REQUESTS,
    SEPARATING,
    bond_of_relationship,
    bond_of_request,
)
from services.matching.projections.repository import (
    INSTITUTIONS,
    PARTICIPANTS,
    PREFERENCES,
    PROGRAMMES,
    institution_of,
    member_of,
    preferences_of,
    programme_of,
)
from services.matching.rotations.documents import COUNTING, ROTATIONS, assessment_of
from services.matching.suggestions.index.network import State
from services.matching.suggestions.queue import Origin
from services.matching.suggestions.updater import Change
from shared.mongo import Database, Document, Session

_SCANNED = 1000
_BATCH = 500
_WAIT_MILLISECONDS = 1000
STATES: dict[str, Callable[[Document], State]] = {
    INSTITUTIONS: institution_of,
    PROGRAMMES: programme_of,
    PREFERENCES: preferences_of,
    RELATIONSHIPS: bond_of_relationship,
    REQUESTS: bond_of_request,
    ROTATIONS: assessment_of,
    EXPERIENCES: experience_of,
    PARTICIPANTS: member_of,
}
_PUBLISHED = frozenset({INSTITUTIONS, PROGRAMMES, PARTICIPANTS, RELATIONSHIPS, REQUESTS})
"""Collections whose events are on public topics: only these events may be the causation id of a public event."""
BINDING: dict[str, Document] = {
    RELATIONSHIPS: {"$or": [OPEN, SEPARATING]},
    REQUESTS: {"$or": [APART, PENDING]},
    ROTATIONS: COUNTING,
}
"""Filters of the scan: bonds that take a seat, keep two people apart or are pending, and assessments that count."""


def changes_of(collection: str, documents: Sequence[Document]) -> list[Change]:
    return [_change(collection, document) for document in documents]


class IndexSource:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def scan(self) -> AsyncIterator[list[State]]:
        """All states that lists depend on, in batches; people last, so that they are put into the pools once."""
        for name, state in STATES.items():
            cursor = self._database[name].find(BINDING.get(name, {}), batch_size=_SCANNED)
            while documents := await cursor.to_list(_SCANNED):
                yield [state(document) for document in documents]

    async def feed(self) -> "Feed":
        return await Feed.open(self._database)


class CollectionReplaced(Exception):
    """A projected collection was replaced as a whole (renamed): only a new scan shows what changed."""


class Feed:
    """The change stream, read in batches: the driver's own iterator costs a thread hop for each change."""

    def __init__(self, database: Database, session: Session, cursor: Document) -> None:
        self._database = database
        self._session = session
        self._cursor = cursor["id"]
        self._first: list[Document] = cursor["firstBatch"]

    @classmethod
    async def open(cls, database: Database) -> Self:
        session = await database.client.start_session()
        opened = await database.command(
            "aggregate",
            1,
            pipeline=[
                {"$changeStream": {"fullDocument": "updateLookup"}},
                {
                    "$match": {
                        "$or": [
                            {
                                "ns.coll": {"$in": list(STATES)},
                                "operationType": {"$in": ["insert", "replace", "update"]},
                            },
                            {"to.coll": {"$in": list(STATES)}, "operationType": "rename"},
                        ]
                    }
                },
                {"$project": {"ns.coll": 1, "fullDocument": 1, "operationType": 1}},
            ],
            cursor={"batchSize": _BATCH},
            readConcern={"level": "majority"},
            session=session,
        )
        return cls(database, session, opened["cursor"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        await self._session.end_session()

    async def next(self) -> list[Change]:
        """The next batch; empty after a second without changes. Raises `CollectionReplaced`."""
        documents, self._first = self._first, []
        if not documents:
            more = await self._database.command(
                "getMore",
                self._cursor,
                collection="$cmd.aggregate",
                batchSize=_BATCH,
                maxTimeMS=_WAIT_MILLISECONDS,
                session=self._session,
            )
            documents = more["cursor"]["nextBatch"]
        if any(document["operationType"] == "rename" for document in documents):
            raise CollectionReplaced
        return [
            _change(document["ns"]["coll"], document["fullDocument"])
            for document in documents
            if document.get("fullDocument") is not None
        ]


def _change(collection: str, document: Document) -> Change:
    event = document["event"] if collection in _PUBLISHED else None
    return Change(STATES[collection](document), Origin(event, document["correlation"]))
