"""Records that a service has set aside: list them, look at one, have one retried.

    python -m deploy.parked list notifications
    python -m deploy.parked show notifications ID [--reveal]
    python -m deploy.parked retry notifications ID [--dry-run]

Reads the service's own settings (`NOTIFICATIONS_MONGO_URI`, …). Each act is written to its collection `audit`.
"""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from shared import mongo
from shared.clock import SystemClock
from shared.contracts.catalogue import PRIVATE
from shared.contracts.dead_letters import (
    MatchingRecordParked,
    NotificationsRecordParked,
    ProfilesRecordParked,
    RecordParked,
)
from shared.mongo import Database
from shared.parking import Parked, Parking

T = TypeVar("T")
_LETTERS: dict[str, type[RecordParked]] = {
    "profiles": ProfilesRecordParked,
    "matching": MatchingRecordParked,
    "notifications": NotificationsRecordParked,
}
Service = Annotated[str, typer.Argument(help=", ".join(_LETTERS))]
Id = Annotated[str, typer.Argument(help="as `list` shows it")]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
_console = Console()


@app.command("list")
def list_(service: Service) -> None:
    """All that waits, in order behind its key."""
    waiting = _with(service, lambda _, parking: parking.waiting(), act="list")
    table = Table("id", "consumer", "topic/partition/offset", "reason", "attempts", "retry at")
    for one in waiting:
        place = f"{one.topic}/{one.partition}/{one.offset}"
        retry_at = one.retry_at.isoformat(timespec="seconds") if one.retry_at else "when told"
        table.add_row(one.id, one.consumer, place, one.reason, str(one.attempts), retry_at)
    _console.print(table if waiting else "nothing is parked")


@app.command()
def show(
    service: Service,
    id: Id,
    *,
    reveal: Annotated[bool, typer.Option(help="the value too, of private topics as well")] = False,
) -> None:
    """One record's attributes; its value only with --reveal."""
    one = _one(service, id, act="reveal" if reveal else "show")
    for name, value in one.headers:
        _console.print(f"{name}: {(value or b'').decode(errors='replace')}", markup=False, highlight=False)
    if reveal:
        _console.print((one.value or b"(tombstone)").decode(errors="replace"), markup=False, highlight=False)
    elif one.topic in PRIVATE:
        _console.print(f"value: {len(one.value or b'')} bytes of a private topic; --reveal shows it, and is audited")
    else:
        _console.print(f"value: {len(one.value or b'')} bytes; --reveal shows it")


@app.command()
def retry(
    service: Service,
    id: Id,
    *,
    dry_run: Annotated[bool, typer.Option(help="say what would be done")] = False,
) -> None:
    """Makes a record due: the running service works it off within seconds, and then what waits behind it."""
    one = _one(service, id, act="retry, dry run" if dry_run else "retry")
    if one.key is None:
        raise typer.BadParameter("the record blocks nobody and is not retried: its key's next state takes its place")
    if dry_run:
        _console.print(f"would retry {id} for {one.consumer}, then what waits behind it")
        return
    _with(service, lambda _, parking: parking.retry(id, now=SystemClock().now()), act="retry")
    _console.print(f"{id} is due: {service} works it off within seconds; `list` shows what is left")


def _one(service: str, id: str, *, act: str) -> Parked:
    waiting = _with(service, lambda _, parking: parking.waiting(limit=100_000), act=f"{act} {id}")
    found = next((one for one in waiting if one.id == id), None)
    if found is None:
        raise typer.BadParameter(f"{service} has no parked record {id}: it may have been worked off")
    return found


def _with(service: str, work: Callable[[Database, Parking], Awaitable[T]], *, act: str) -> T:
    """Writes the audit first: an act that is not on record is not done."""
    if service not in _LETTERS:
        raise typer.BadParameter(f"no service {service}: choose from {', '.join(_LETTERS)}")
    uri = os.environ.get(f"{service.upper()}_MONGO_URI")
    if not uri:
        raise typer.BadParameter(f"set {service.upper()}_MONGO_URI, as the service has it")
    name = os.environ.get(f"{service.upper()}_MONGO_DATABASE", service)

    async def audited() -> T:
        database, clock = mongo.connect(uri, name), SystemClock()
        await database["audit"].insert_one(
            {"_id": clock.new_id(), "at": clock.now(), "who": getpass.getuser(), "act": f"parked: {act}"}
        )
        return await work(database, Parking(database, letter=_LETTERS[service]))

    return asyncio.run(audited())


if __name__ == "__main__":
    app()
