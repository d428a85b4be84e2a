"""Reconciles a MongoDB that was restored to an earlier moment with the topics, which are ahead of it.

    python -m deploy.restored profiles --dry-run    # reports what the topics hold and the store lacks
    python -m deploy.restored profiles              # repairs it; then start the service

Stop all processes of the service first. Run it before anything is published, once for each restored service, profiles
first. It is recorded in the audit, and may be run again after an interruption.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated

import typer

from deploy.operators import bootstrap_of, check_network, end, record_in_audit, run_with_store, say
from deploy.rebuild import COPIES
from services.matching import restoring as matching
from services.matching.projections.repository import ProjectedDocuments
from services.notifications import restoring as notifications
from services.notifications.repository.inbox import MongoInboxRepository
from services.profiles.republishing.repository import restoring as profiles
from services.profiles.republishing.repository.stale_heads import TOPICS
from shared.clock import SystemClock
from shared.consuming import consumer_groups as groups
from shared.consuming.projecting import ProjectionHandler
from shared.consuming.rebuild import Less, Rebuild
from shared.consuming.replay import replayed
from shared.contracts.envelope import Received
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.profiles import MemberErased
from shared.mongo import Database, Document

_RENEWED_WITHIN_SECONDS = 3.0
_NAMED = 20
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


class StillRuns(Exception):
    """A process of the service is alive."""


@app.command()
def restored(
    service: Annotated[str, typer.Argument(help="profiles, matching or notifications")],
    *,
    dry_run: Annotated[bool, typer.Option(help="show what would be done, and change nothing")] = False,
) -> None:
    """Makes a restored store agree with the topics."""
    if service not in _WORK:
        end(f"there is no service {service}: choose from {', '.join(_WORK)}")
    bootstrap = bootstrap_of(service)

    async def work(database: Database) -> None:
        await check_network(database, service)
        await _refuse_running(database)
        await record_in_audit(database, "restored", dry_run=dry_run)
        whole = await _WORK[service](database, bootstrap, dry_run=dry_run)
        await record_in_audit(database, "restored done", dry_run=dry_run, whole=whole)

    try:
        run_with_store(service, work)
    except (StillRuns, groups.InUse):
        end(f"a process of {service} is still running: stop them all first")
    except Less as less:
        end(f"{less}: look with `python -m deploy.rebuild {service} … --dry-run`")
    say("nothing is changed" if dry_run else f"start {service} again")


async def _profiles(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    restoring = profiles.Restoring(database, SystemClock())
    await restoring.prepare()
    await _replay(bootstrap, TOPICS, restoring.hear)
    report = restoring.look() if dry_run else await restoring.restore()
    if not dry_run:
        await groups.reset_offsets(bootstrap, "profiles.projection")
        await groups.reset_offsets(bootstrap, "profiles.reaction")
    _say_all(
        f"epoch {report.epoch}: {report.told} facts are told again",
        _named("read back from the topics, which were ahead", report.read_back),
        _named("made anew from the topics, unknown to the backup", report.made_anew),
        _named("erased since the backup, and again", report.erased),
        _named("LOST: the topics do not say enough, or somebody else has their address", report.not_read_back),
        "of all these, what no topic carries is as of the backup: story, pronouns, principles, external_id, "
        "roster memory; "
        "nobody's story or e-mail address is shown until they allow it again: who withdrew it since is not known; "
        "invitations, rosters and answers kept for Idempotency-Key since then are gone",
    )
    return asdict(report)


async def _matching(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    restoring = matching.Restoring(database)
    await restoring.prepare()
    await _replay(bootstrap, [SuggestionsChanged.TOPIC], restoring.hear)
    report = await (restoring.look() if dry_run else restoring.restore(now=SystemClock().now()))
    if not dry_run:
        copies = ProjectedDocuments(database)
        await forget_again(bootstrap, copies.fold_erasures)
    await _rebuild("matching", database, bootstrap, dry_run=dry_run)
    _say_all(
        f"epoch {report.epoch}; {report.published_already} facts in the outbox were published already",
        _named("read back from what was told of them; told again only where they differ now", report.read_back),
        _named(
            "LOST or set back; the last that was told of each",
            [f"{name} ({last})" for name, last in report.set_back.items()],
        ),
    )
    return asdict(report)


async def _notifications(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    restoring = notifications.Restoring(database)
    await restoring.prepare()
    await _replay(bootstrap, [NotificationRecorded.TOPIC], restoring.hear)
    report = await (restoring.look() if dry_run else restoring.restore(now=SystemClock().now()))
    if not dry_run:
        store, now = MongoInboxRepository(database), SystemClock().now()
        await forget_again(bootstrap, lambda erased: store.fold_erasures(erased, now=now))
        await groups.reset_offsets(bootstrap, "notifications.reaction")
    await _rebuild("notifications", database, bootstrap, dry_run=dry_run)
    _say_all(
        f"epoch {report.epoch}: the counters of {report.recipients} recipients; "
        f"{report.published_already} facts in the outbox were published already",
        "the facts since the backup are read again and tell the same under the same ids",
        "LOST: what was marked as read since the backup is unread again, and what was parked or dropped comes again",
    )
    return asdict(report)


async def forget_again(bootstrap: str, fold: ProjectionHandler) -> None:
    """Erases people who were erased after the backup: their tombstones left the topics after a day."""
    await fold([received async for received in replayed(bootstrap, [MemberErased.TOPIC])])


async def _rebuild(service: str, database: Database, bootstrap: str, *, dry_run: bool) -> None:
    for copy in COPIES[service].values():
        say(f"{copy.collection}:")
        rebuild = Rebuild(database, copy, bootstrap=bootstrap, clock=SystemClock(), say=lambda line: say(f"  {line}"))
        await (rebuild.compare() if dry_run else rebuild.replace())


async def _replay(bootstrap: str, topics: Iterable[str], hear: Callable[[Received], None]) -> None:
    async for received in replayed(bootstrap, list(topics)):
        hear(received)


async def _refuse_running(database: Database) -> None:
    """Detects running processes by their leases, which they renew."""
    before = await _leases(database)
    await asyncio.sleep(_RENEWED_WITHIN_SECONDS)
    if await _leases(database) != before:
        raise StillRuns


async def _leases(database: Database) -> dict[str, object]:
    return {lease["_id"]: lease.get("until") async for lease in database["leases"].find()}


def _named(what: str, ids: list[str]) -> str:
    return f"{len(ids)} {what}: {', '.join(ids[:_NAMED])}{', …' if len(ids) > _NAMED else ''}" if ids else f"0 {what}"


def _say_all(*lines: str) -> None:
    for line in lines:
        say(line)


_WORK = {"profiles": _profiles, "matching": _matching, "notifications": _notifications}


if __name__ == "__main__":
    app()
