"""Checks at start that MongoDB meets a service's requirements: a replica set of version 6.0 or newer, transactions,
majority reads and writes, change streams, and the user's rights in its own database.

Each right is exercised, not read from the user's roles: only the server knows what they allow. Each process writes a
document of its own, so that replicas can start concurrently; an index deletes the document of a killed process.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from shared import mongo
from shared.mongo import ASCENDING, Collection, Database, IndexModel, PyMongoError, Session

_OLDEST = (6, 0)
_NOT_A_REPLICA_SET = (
    "the server is not a member of a replica set, so it has no transactions and no change streams: start it with "
    "--replSet and run rs.initiate() once (one member is enough)"
)
_CHECK_SECONDS = 10


class Unsuitable(Exception):
    """The store cannot do what the service needs; the message says what to do and holds no credential."""


def shortcoming(hello: Mapping[str, Any]) -> str | None:
    """Why the server with this `hello` answer cannot take writes, or None. A sharded cluster's router can."""
    if hello.get("msg") == "isdbgrid":
        return None
    if not hello.get("setName"):
        return _NOT_A_REPLICA_SET
    if not hello.get("isWritablePrimary"):
        return (
            "the server is not the primary of its replica set: name all members, or the set by replicaSet=, in the URI"
        )
    return None


def too_old(version: Sequence[int]) -> str | None:
    if tuple(version[:2]) >= _OLDEST:
        return None
    return f"MongoDB {'.'.join(map(str, version[:3]))} is too old: 6.0 is the oldest version supported"


async def check(database: Database, *, probe: str) -> None:
    """Raises `Unsuitable`. `probe` is an id that no other process uses."""
    try:
        wrong = shortcoming(await mongo.hello(database)) or too_old(await mongo.server_version(database))
    except PyMongoError as fault:
        raise Unsuitable(_unreachable(fault)) from None
    if wrong:
        raise Unsuitable(wrong)
    checked = database["startup_check"]
    for what, step in _STEPS.items():
        await _try(step, checked, probe, what)


async def _try(step: "_Step", checked: Collection, probe: str, what: str) -> None:
    name = checked.database.name
    try:
        with mongo.deadline(_CHECK_SECONDS):
            await step(checked, probe)
    except PyMongoError as fault:
        if mongo.asks_for_sign_in(fault):
            raise Unsuitable("the server asks for a user: put a user name and a password in the URI") from None
        if mongo.is_unauthorized(fault):
            raise Unsuitable(
                f"the user may not {what} in the database {name}: grant it the role readWrite on that database"
            ) from None
        if fault.timeout:
            raise Unsuitable(
                f"the server did not {what} within {_CHECK_SECONDS} s: a majority of the set's members must be up"
            ) from None
        code = getattr(fault, "code", None)
        raise Unsuitable(f"the server cannot {what} ({type(fault).__name__}, code {code})") from None


def _unreachable(fault: PyMongoError) -> str:
    if mongo.is_unauthenticated(fault):
        return "the server refuses the user name or the password"
    return (
        f"no server answers that is the primary of a replica set ({type(fault).__name__}): check the address, that the "
        "server runs, and that its set was initiated"
    )


async def _create(checked: Collection, _: str) -> None:
    await mongo.ensure_indexes(checked, [IndexModel([("at", ASCENDING)], name="left_over", expireAfterSeconds=3600)])


async def _transact(checked: Collection, probe: str) -> None:
    async def write(session: Session) -> None:
        await checked.update_one({"_id": probe}, [{"$set": {"at": "$$NOW"}}], upsert=True, session=session)

    # Not `in_transaction`: tests count its fail-points from the first piece of work.
    async with await checked.database.client.start_session() as session:
        await session.with_transaction(write)


async def _insert(checked: Collection, probe: str) -> None:
    await checked.insert_one({"_id": f"{probe}-inserted"})


async def _find(checked: Collection, probe: str) -> None:
    await checked.find_one({"_id": probe})


async def _update(checked: Collection, probe: str) -> None:
    await checked.update_one({"_id": f"{probe}-inserted"}, [{"$set": {"at": "$$NOW"}}])


async def _watch(checked: Collection, _: str) -> None:
    async with checked.database.watch(max_await_time_ms=10) as stream:  # notifications follows its whole database
        await stream.try_next()


async def _delete(checked: Collection, probe: str) -> None:
    await checked.delete_many({"_id": {"$in": [probe, f"{probe}-inserted"]}})


_Step = Callable[[Collection, str], Awaitable[None]]
_STEPS: Mapping[str, _Step] = {
    "create collections and indexes": _create,
    "insert documents": _insert,
    "find documents": _find,
    "update documents": _update,
    "run transactions": _transact,
    "open change streams": _watch,
    "delete documents": _delete,
}
