"""Records that a service has set aside: list them, look at one, have one retried, or drop it.

    python -m deploy.parked list notifications
    python -m deploy.parked show notifications ID [--reveal]
    python -m deploy.parked retry notifications ID [--dry-run]
    python -m deploy.parked drop notifications ID --reason TEXT [--dry-run]

Reads what the service reads (`NOTIFICATIONS_MONGO_URI`, …), in its container too. Each act goes into its `audit`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from deploy.operators import asked, console, end, network_of, put_on_record, say
from shared.clock import SystemClock
from shared.consuming.parking import Parked, Parking
from shared.contracts.catalogue import PRIVATE
from shared.contracts.dead_letters import (
    MatchingRecordParked,
    NotificationsRecordParked,
    ProfilesRecordParked,
    RecordParked,
)
from shared.kafka import address, unnamed
from shared.mongo import Database

T = TypeVar("T")
_LETTERS: dict[str, type[RecordParked]] = {
    "profiles": ProfilesRecordParked,
    "matching": MatchingRecordParked,
    "notifications": NotificationsRecordParked,
}
_LISTED = 1000
_NAMELESS = frozenset({"ce_type", "ce_id", "ce_time", "ce_sequence", "ce_specversion", "content-type"})
"""Headers that say nothing of a person."""
_HIDDEN = "(private topic: --reveal shows it)"
Service = Annotated[str, typer.Argument(help=", ".join(_LETTERS))]
Id = Annotated[str, typer.Argument(help="the id that `list` shows")]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("list")
def list_(service: Service) -> None:
    """All that waits, in order behind its key."""
    waiting = _audited(service, lambda parking: parking.waiting(limit=_LISTED), what="list")
    if not waiting:
        say("nothing is parked")
        return
    table = Table("id", "consumer", "topic/partition/offset", "reason", "attempts", "retry at", "behind it")
    table.columns[0].no_wrap = True
    for one, behind in zip(waiting, _behind(waiting), strict=True):
        place = f"{one.topic}/{one.partition}/{one.offset}"
        table.add_row(one.id, one.consumer, place, one.reason, str(one.attempts), _when(one), str(behind))
    console().print(table)
    if len(waiting) == _LISTED:
        say(f"these are the first {_LISTED}; more wait")


@app.command()
def show(
    service: Service,
    id: Id,
    *,
    reveal: Annotated[bool, typer.Option(help="show the key, names and value too: they may be personal data")] = False,
) -> None:
    """One record's attributes. Its value only with --reveal, and of private topics the key and names too."""
    one = _found(_audited(service, lambda parking: parking.find(id), what="reveal" if reveal else "show", id=id), id)
    is_hidden = unnamed(address("", network=network_of(service)), one.topic) in PRIVATE and not reveal
    say(f"{one.consumer}: {one.topic}/{one.partition}/{one.offset}, parked {one.parked_at.isoformat()}")
    say(f"{one.reason}: {one.detail}; {one.attempts} attempts, retry {_when(one)}")
    say(f"key: {_HIDDEN if is_hidden else _text(one.key)}")
    for name, value in one.headers:
        say(f"{_text(name.encode())}: {_HIDDEN if is_hidden and name not in _NAMELESS else _text(value)}")
    size = len(one.value or b"")
    say(f"value: {_text(one.value)}" if reveal else f"value: {size} bytes: --reveal shows them")


@app.command()
def retry(
    service: Service,
    id: Id,
    *,
    dry_run: Annotated[bool, typer.Option(help="show what would be done, and change nothing")] = False,
) -> None:
    """Makes a record due: the running service works it off within seconds, and then what waits behind it."""
    one, before, behind = _audited(service, _beside(id), what="retry --dry-run" if dry_run else "retry", id=id)
    if one.key is None:
        end(f"{id} holds nothing up and is not retried: the next state of its key, sent again, takes its place")
    if before is not None:
        end(f"{id} waits behind {before.id} ({before.reason}): retry that one, and this one follows")
    follows = f", and then the {behind} behind it" if behind else ""
    if dry_run:
        say(f"would make {id} due; the running {service} would hand it to {one.consumer}{follows}")
        return
    _asked(service, lambda parking: parking.retry(id, now=SystemClock().now()))
    say(f"{id} is due: the running {service} hands it to {one.consumer} within seconds{follows}")
    say("if it fails again it is parked again, with one attempt more: `list` shows it")


@app.command()
def drop(
    service: Service,
    id: Id,
    *,
    reason: Annotated[
        str, typer.Option(help="the reason, kept in the audit: do not name a person", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option(help="show what would be done, and change nothing")] = False,
) -> None:
    """Gives a record up for good: it has no effect, and what waits behind it goes on."""
    if not reason.strip():
        end("add --reason TEXT: the reason stays in the audit, the record does not")
    what = "drop --dry-run" if dry_run else "drop"
    one, before, behind = _audited(service, _beside(id), what=what, id=id, reason=reason)
    if before is not None:
        end(f"{id} waits behind {before.id} ({before.reason}): retry or drop that one first")
    goes_on = f"; the {behind} behind it would go on" if behind else ""
    if dry_run:
        say(f"would drop {id} ({one.reason}) without effect{goes_on}")
        return
    if not _asked(service, lambda parking: parking.drop(one, now=SystemClock().now())):
        end(f"{id} was handled in the meantime: nothing is dropped")
    say(f"{id} is dropped, without effect" + (f"; the running {service} goes on with the {behind}" if behind else ""))


def _beside(id: str) -> Callable[[Parking], Awaitable[tuple[Parked, Parked | None, int]]]:
    async def looked_at(parking: Parking) -> tuple[Parked, Parked | None, int]:
        one = _found(await parking.find(id), id)
        return one, *await parking.beside(one)

    return looked_at


def _behind(waiting: Sequence[Parked]) -> list[int]:
    """How many of the list wait behind each; rows without a key hold nobody up."""
    left = Counter((one.consumer, one.key) for one in waiting)
    counts = []
    for one in waiting:
        left[one.consumer, one.key] -= 1
        counts.append(0 if one.key is None else left[one.consumer, one.key])
    return counts


def _when(one: Parked) -> str:
    if one.reason == "behind_parked":
        return "in its turn"
    return one.retry_at.isoformat(timespec="seconds") if one.retry_at else "when told" if one.key else "never"


def _text(value: bytes | None) -> str:
    """Whatever it holds, no character of it reaches the terminal as a command."""
    if value is None:
        return "(none)"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value.decode(errors="backslashreplace"))


def _found(one: Parked | None, id: str) -> Parked:
    if one is None:
        end(f"there is no parked record {id}: it may have been handled already")
    return one


def _audited(
    service: str, work: Callable[[Parking], Awaitable[T]], *, what: str, id: str | None = None, **more: str
) -> T:
    """The audit first: an act that is not on record is not done."""

    async def recorded(database: Database) -> T:
        await put_on_record(database, f"parked {what}", id=id, **more)
        return await work(_parking(service, database))

    return asked(service, recorded)


def _asked(service: str, work: Callable[[Parking], Awaitable[T]]) -> T:
    return asked(service, lambda database: work(_parking(service, database)))


def _parking(service: str, database: Database) -> Parking:
    return Parking(database, dead_letter=_LETTERS[service])


if __name__ == "__main__":
    app()
