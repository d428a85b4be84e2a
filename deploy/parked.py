"""Lists, shows, retries and drops a service's parked records.

    python -m deploy.parked list notifications
    python -m deploy.parked show notifications ID [--reveal]
    python -m deploy.parked retry notifications ID [--dry-run]
    python -m deploy.parked drop notifications ID --reason TEXT [--dry-run]

Reads the service's settings (`NOTIFICATIONS_MONGO_URI`, …), in its container too. Each act is recorded in `audit`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from deploy.operators import console, end, network_of, record_in_audit, run_with_store, say
from shared.clock import SystemClock
from shared.consuming.parking import Parked, Parking
from shared.contracts.catalogue import PRIVATE
from shared.contracts.dead_letters import (
    MatchingRecordParked,
    MentorshipsRecordParked,
    NotificationsRecordParked,
    ProfilesRecordParked,
    RecordParked,
)
from shared.kafka import address, unnamed
from shared.mongo import Database

T = TypeVar("T")
_DEAD_LETTERS: dict[str, type[RecordParked]] = {
    "profiles": ProfilesRecordParked,
    "matching": MatchingRecordParked,
    "notifications": NotificationsRecordParked,
    "mentorships": MentorshipsRecordParked,
}
_MAX_LISTED = 1000
_IMPERSONAL = frozenset({"ce_type", "ce_id", "ce_time", "ce_sequence", "ce_specversion", "content-type"})
"""Headers without personal data."""
_HIDDEN = "(private topic: --reveal shows it)"
Service = Annotated[str, typer.Argument(help=", ".join(_DEAD_LETTERS))]
Id = Annotated[str, typer.Argument(help="the id that `list` shows")]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("list")
def list_(service: Service) -> None:
    """All parked records, in order per key."""
    waiting = _audited(service, lambda parking: parking.waiting(limit=_MAX_LISTED), act="list")
    if not waiting:
        say("nothing is parked")
        return
    table = Table("id", "consumer", "topic/partition/offset", "reason", "attempts", "retry at", "behind it")
    table.columns[0].no_wrap = True
    for parked, behind in zip(waiting, _later_records_of_key(waiting), strict=True):
        attempts, retry_at = str(parked.attempts), _retry_time(parked)
        table.add_row(parked.id, parked.consumer, _position(parked), parked.reason, attempts, retry_at, str(behind))
    console().print(table)
    if len(waiting) == _MAX_LISTED:
        say(f"these are the first {_MAX_LISTED}; more wait")


@app.command()
def show(
    service: Service,
    id: Id,
    *,
    reveal: Annotated[bool, typer.Option(help="show the key, names and value too: they may be personal data")] = False,
) -> None:
    """One record's attributes. Its value only with --reveal, and of private topics the key and names too."""
    act = "reveal" if reveal else "show"
    parked = _found(_audited(service, lambda parking: parking.find(id), act=act, id=id), id)
    is_hidden = unnamed(address("", network=network_of(service)), parked.topic) in PRIVATE and not reveal
    say(f"{parked.consumer}: {_position(parked)}, parked {parked.parked_at.isoformat()}")
    say(f"{parked.reason}: {parked.detail}; {parked.attempts} attempts, retry {_retry_time(parked)}")
    say(f"key: {_HIDDEN if is_hidden else _text(parked.key)}")
    for name, value in parked.headers:
        say(f"{_text(name.encode())}: {_HIDDEN if is_hidden and name not in _IMPERSONAL else _text(value)}")
    size = len(parked.value or b"")
    say(f"value: {_text(parked.value)}" if reveal else f"value: {size} bytes: --reveal shows them")


@app.command()
def retry(
    service: Service,
    id: Id,
    *,
    dry_run: Annotated[bool, typer.Option(help="show what would be done, and change nothing")] = False,
) -> None:
    """Makes a record due: the running service retries it within seconds, and then the records behind it."""
    parked, before, behind = _audited(service, _beside(id), act="retry --dry-run" if dry_run else "retry", id=id)
    if parked.key is None:
        end(f"{id} blocks no key and is not retried: the next state of its key replaces it")
    if before is not None:
        end(f"{id} waits behind {before.id} ({before.reason}): retry that one, and this one follows")
    follows = f", and then the {behind} behind it" if behind else ""
    if dry_run:
        say(f"would make {id} due; the running {service} would hand it to {parked.consumer}{follows}")
        return
    _run(service, lambda parking: parking.retry(id, now=SystemClock().now()))
    say(f"{id} is due: the running {service} hands it to {parked.consumer} within seconds{follows}")
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
    """Discards a record without effect; the records behind it are retried."""
    if not reason.strip():
        end("add --reason TEXT: the reason stays in the audit, the record does not")
    act = "drop --dry-run" if dry_run else "drop"
    parked, before, behind = _audited(service, _beside(id), act=act, id=id, reason=reason)
    if before is not None:
        end(f"{id} waits behind {before.id} ({before.reason}): retry or drop that one first")
    goes_on = f"; the {behind} behind it would go on" if behind else ""
    if dry_run:
        say(f"would drop {id} ({parked.reason}) without effect{goes_on}")
        return
    if not _run(service, lambda parking: parking.drop(parked, now=SystemClock().now())):
        end(f"{id} was handled in the meantime: nothing is dropped")
    say(f"{id} is dropped, without effect" + (f"; the running {service} goes on with the {behind}" if behind else ""))


def _beside(id: str) -> Callable[[Parking], Awaitable[tuple[Parked, Parked | None, int]]]:
    """Reads the record, the first one before it of its key, and how many are behind it."""

    async def read(parking: Parking) -> tuple[Parked, Parked | None, int]:
        parked = _found(await parking.find(id), id)
        return parked, *await parking.beside(parked)

    return read


def _later_records_of_key(waiting: Sequence[Parked]) -> list[int]:
    """For each record: how many later ones have its consumer and key, and so wait for it. Always 0 without a key."""
    left = Counter((parked.consumer, parked.key) for parked in waiting)
    counts = []
    for parked in waiting:
        left[parked.consumer, parked.key] -= 1
        counts.append(0 if parked.key is None else left[parked.consumer, parked.key])
    return counts


def _position(parked: Parked) -> str:
    return f"{parked.topic}/{parked.partition}/{parked.offset}"


def _retry_time(parked: Parked) -> str:
    if parked.reason == "behind_parked":
        return "in its turn"
    if parked.retry_at:
        return parked.retry_at.isoformat(timespec="seconds")
    return "on command" if parked.key else "never"


def _text(value: bytes | None) -> str:
    """Printable text: no character reaches the terminal as a control sequence."""
    if value is None:
        return "(none)"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value.decode(errors="backslashreplace"))


def _found(parked: Parked | None, id: str) -> Parked:
    if parked is None:
        end(f"there is no parked record {id}: it may have been handled already")
    return parked


def _audited(
    service: str, work: Callable[[Parking], Awaitable[T]], *, act: str, id: str | None = None, **more: str
) -> T:
    """Records the act first: an act that cannot be recorded is not done."""

    async def recorded(database: Database) -> T:
        await record_in_audit(database, f"parked {act}", id=id, **more)
        return await work(_parking(service, database))

    return run_with_store(service, recorded)


def _run(service: str, work: Callable[[Parking], Awaitable[T]]) -> T:
    return run_with_store(service, lambda database: work(_parking(service, database)))


def _parking(service: str, database: Database) -> Parking:
    return Parking(database, dead_letter=_DEAD_LETTERS[service])


if __name__ == "__main__":
    app()
