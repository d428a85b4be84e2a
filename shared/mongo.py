"""The only file that names the MongoDB driver (ADR 0002: motor now, `pymongo.AsyncMongoClient` before May 2027).

Reads and writes are majority everywhere: with w:1 change streams wait anyway and a relay publishes twice.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import pymongo
from bson.errors import BSONError
from motor.frameworks.asyncio import run_on_executor
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import ASCENDING, DESCENDING, DeleteOne, IndexModel, InsertOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as BlockingCollection
from pymongo.database import Database as BlockingDatabase
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from shared import failpoints

__all__ = [
    "ASCENDING",
    "DESCENDING",
    "BSONError",
    "BulkWriteError",
    "Collection",
    "Database",
    "DeleteOne",
    "Document",
    "DuplicateKeyError",
    "IndexModel",
    "InsertOne",
    "PyMongoError",
    "ReplaceOne",
    "ReturnDocument",
    "Session",
    "Transaction",
    "UpdateOne",
    "asks_for_sign_in",
    "blocking",
    "connect",
    "deadline",
    "duplicates_in",
    "ending_transactions_with",
    "ensure_indexes",
    "hello",
    "in_transaction",
    "is_connection_string",
    "is_outage",
    "is_unauthenticated",
    "is_unauthorized",
    "ping",
    "refuses_value",
    "server_version",
]

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]
Session = AsyncIOMotorClientSession
T = TypeVar("T")

_DUPLICATE_KEY = 11000
_NAMESPACE_EXISTS = 48
_UNAUTHORIZED, _AUTHENTICATION_FAILED = 13, 18
_TOO_LARGE_FOR_CACHE = 388
_SHUTDOWN_OR_NO_PRIMARY = {91, 189, 11600, 11602, 10107, 13435, 13436}
_VALUE_REFUSED = {22, 52, 56, 57, 121, 10334, 17280, 17419, 17420}
"""InvalidBSON, wrong field names, DocumentValidationFailure, too large. Not BadValue, which a missing index is too."""
_COLLECTION_REPLACED = {175}  # QueryPlanKilled: the collection was replaced by a rebuilt one during a read


def is_connection_string(uri: str) -> bool:
    """Checks the syntax without a DNS query: of mongodb+srv:// only the scheme is checked."""
    if uri.startswith("mongodb+srv://"):
        return True
    try:
        parse_uri(uri, warn=False)
    except (PyMongoError, ValueError):  # what the parser raises for a URI that it cannot read
        return False
    return True


def connect(uri: str, name: str) -> Database:
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        uri, tz_aware=True, maxPoolSize=64, serverSelectionTimeoutMS=5_000, connectTimeoutMS=5_000, appname="preceptor"
    )
    return client.get_database(name, read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority"))


async def _ended(whole: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(whole)
    except asyncio.CancelledError:
        await asyncio.wait([whole])
        raise


@dataclass(slots=True)
class Transaction:
    """An open transaction; gives the driver's blocking collections by name. For use in its own thread only."""

    session: ClientSession
    _database: BlockingDatabase[Document]
    changes_nothing: bool = False
    """Set by a body that changes nothing: its transaction has no effect to record."""

    def __getitem__(self, collection: str) -> BlockingCollection[Document]:
        return self._database[collection]


Record = Callable[[Transaction], None]
_RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


@contextmanager
def ending_transactions_with(record: Record) -> Iterator[None]:
    """Each transaction of this context that changes something ends with `record`, and commits or fails with it."""
    token = _RECORD.set(record)
    try:
        yield
    finally:
        _RECORD.reset(token)


def blocking(database: Database) -> BlockingDatabase[Document]:
    """The driver's blocking database, for code that runs in a thread."""
    return database.delegate  # type: ignore[no-any-return]


async def in_transaction(database: Database, body: Callable[[Transaction], T], *, seconds: float = 10) -> T:
    """Runs `body` in one transaction, and again on a write conflict, in one visit to a thread (ADR 0009).

    `body` runs concurrently with the event loop, so it accesses nothing but its transaction. A cancelled caller waits
    until the transaction has ended: the thread continues, and its effect must not follow a cancellation unseen.
    """
    loop = asyncio.get_running_loop()
    whole: asyncio.Future[T] = run_on_executor(  # type: ignore[no-untyped-call]
        loop, _whole_in_thread, blocking(database), body, _RECORD.get(), seconds
    )
    return await _ended(whole)


def _whole_in_thread(
    database: BlockingDatabase[Document], body: Callable[[Transaction], T], record: Record | None, seconds: float
) -> T:
    def whole(session: ClientSession) -> T:
        transaction = Transaction(session, database)
        result = body(transaction)
        if record is not None and not transaction.changes_nothing:
            record(transaction)
        return result

    with pymongo.timeout(seconds), database.client.start_session() as session:
        result = session.with_transaction(
            whole,
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
        )
        failpoints.reach("after-commit")
        return result


async def ensure_indexes(collection: Collection, indexes: Sequence[IndexModel]) -> None:
    """Creates the collection too: inside a transaction a first insert would otherwise wait for its catalogue lock."""
    if indexes:
        await collection.create_indexes(list(indexes))
        return
    try:
        # Without the driver's own look first, which fails differently when another replica creates it in between.
        await collection.database.create_collection(collection.name, check_exists=False)
    except OperationFailure as taken:
        if taken.code != _NAMESPACE_EXISTS:
            raise


def duplicates_in(failed: BulkWriteError) -> bool:
    """Whether nothing but duplicate keys failed: for a guarded upsert that means "already newer here"."""
    details = failed.details or {}
    errors = details.get("writeErrors", [])
    return bool(errors) and all(error["code"] == _DUPLICATE_KEY for error in errors)


def is_outage(error: BaseException) -> bool:
    """Whether the server cannot be reached or is changing hands, so that waiting helps and parking would not.

    A transaction that was repeated until its time limit counts: the server lost it in a restart.
    """
    if isinstance(error, (ConnectionFailure, ExecutionTimeout, WTimeoutError)):
        return True
    if isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError"):
        return True
    if isinstance(error, OperationFailure) and error.code in _SHUTDOWN_OR_NO_PRIMARY | _COLLECTION_REPLACED:
        return True
    return isinstance(error, PyMongoError) and error.timeout


def is_unauthorized(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED


def asks_for_sign_in(error: PyMongoError) -> bool:
    """Whether the client is not signed in: the server's code is the same as for a missing right."""
    return is_unauthorized(error) and "requires authentication" in str(error)


def is_unauthenticated(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Limits the total time of the operations inside the block."""
    return pymongo.timeout(seconds)


async def hello(database: Database, *, seconds: float = 5) -> Document:
    """The primary's answer to `hello`. Proves that it responds, and that the user may sign in."""
    with pymongo.timeout(seconds):
        return dict(await database.command("hello"))


async def server_version(database: Database) -> list[int]:
    return list((await database.command("buildInfo"))["versionArray"])


def refuses_value(error: BaseException) -> bool:
    """Whether the driver could not encode a value, or the server refused it: the same value is refused again."""
    if isinstance(error, (OverflowError, UnicodeError, BSONError)):
        return True
    if isinstance(error, BulkWriteError):
        return any(
            write_error["code"] in _VALUE_REFUSED for write_error in (error.details or {}).get("writeErrors", [])
        )
    return isinstance(error, OperationFailure) and error.code in _VALUE_REFUSED


def exceeds_cache(error: PyMongoError) -> bool:
    """Whether the server had too little free cache for one large write (TransactionTooLargeForCache)."""
    return isinstance(error, OperationFailure) and error.code == _TOO_LARGE_FOR_CACHE


async def ping(database: Database) -> None:
    with pymongo.timeout(2):
        await database.command("ping")
