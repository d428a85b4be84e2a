"""What the index is fed with: a scan of everything that bears on lists, and the change stream over it."""

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
"""Whose events are on public topics: only they may stand as the cause of a public fact."""
BINDING: dict[str, Document] = {
    RELATIONSHIPS: {"$or": [OPEN, SEPARATING]},
    REQUESTS: {"$or": [APART, PENDING]},
    ROTATIONS: COUNTING,
}
"""Of these only what binds somebody, or keeps two apart, is scanned."""


def changes_of(collection: str, documents: Sequence[Document]) -> list[Change]:
    return [_change(collection, one) for one in documents]


class IndexSource:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def scan(self) -> AsyncIterator[list[State]]:
        """Everything that bears on lists, in pieces; people last, so that they are placed once."""
        for name, state in STATES.items():
            cursor = self._database[name].find(BINDING.get(name, {}), batch_size=_SCANNED)
            while documents := await cursor.to_list(_SCANNED):
                yield [state(document) for document in documents]

    async def feed(self) -> "Feed":
        return await Feed.open(self._database)


class Replaced(Exception):
    """A copy has been replaced as a whole: what changed with that is seen by a new scan only."""


class Feed:
    """What changes from now on, many changes at a time: the driver's own iterator costs a thread hop for each."""

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
        """Empty after a second without any. Raises `Replaced`."""
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
        if any(one["operationType"] == "rename" for one in documents):
            raise Replaced
        return [
            _change(one["ns"]["coll"], one["fullDocument"]) for one in documents if one.get("fullDocument") is not None
        ]


def _change(collection: str, document: Document) -> Change:
    event = document["event"] if collection in _PUBLISHED else None
    return Change(STATES[collection](document), Origin(event, document["correlation"]))
