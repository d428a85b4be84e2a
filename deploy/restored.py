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
from services.matching.projections.repository import ProjectedDocuments
from services.matching.restoring import MatchingRestored
from services.mentorships.privacy.repository import MongoErasures as MentorshipsErasures
from services.mentorships.restoring import MentorshipsRestored
from services.mentorships.slices import FORGET
from services.notifications.privacy.repository import MongoErasureRepository as NotificationsErasures
from services.notifications.restoring import NotificationsRestored
from services.profiles.republishing.repository.restoring import ProfilesRestored
from services.profiles.republishing.repository.stale_heads import TOPICS
from shared.clock import SystemClock
from shared.consuming import consumer_groups as groups
from shared.consuming.projecting import ProjectionHandler
from shared.consuming.rebuild import Rebuild, WouldLoseDocuments
from shared.consuming.replay import replayed
from shared.contracts.envelope import Received
from shared.contracts.matching import AssessmentChanged, SuggestionsChanged
from shared.contracts.mentorships import MentorshipEnded
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.profiles import MemberErased
from shared.mongo import Database, Document
from shared.restoring import Report, RestoredService, Restoring

_RENEWED_WITHIN_SECONDS = 3.0
_NAMED = 20
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


class StillRuns(Exception):
    """A process of the service is alive."""


@app.command()
def restored(
    service: Annotated[str, typer.Argument(help="profiles, matching, mentorships or notifications")],
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
    except WouldLoseDocuments as refused:
        end(f"{refused}: look with `python -m deploy.rebuild {service} … --dry-run`")
    say("nothing is changed" if dry_run else f"start {service} again")


async def _profiles(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    report = await _restore(ProfilesRestored(database, SystemClock()), TOPICS, database, bootstrap, dry_run=dry_run)
    if not dry_run:
        await groups.reset_offsets(bootstrap, "profiles.projection")
        await groups.reset_offsets(bootstrap, "profiles.reaction")
    _say_all(
        f"epoch {report.epoch}: every state is published again",
        _named("read back from the topics, which were ahead", report.documents("read_back")),
        _named("created from the topics, unknown to the backup", report.documents("made_anew")),
        _named("erased since the backup, and erased again", report.documents("erased")),
        _named("LOST: the topics lack a field, or another member has the address", report.documents("not_read_back")),
        "of all these, fields that no topic carries are as of the backup: story, pronouns, external_id, "
        "roster memory; "
        "nobody's story or e-mail address is shown until they allow it again, as consents may have been withdrawn; "
        "invitations, rosters and answers kept for Idempotency-Key since then are gone",
    )
    return asdict(report)


async def _matching(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    matching = MatchingRestored(database, SystemClock())
    topics = [SuggestionsChanged.TOPIC, AssessmentChanged.TOPIC]
    report = await _restore(matching, topics, database, bootstrap, dry_run=dry_run)
    if not dry_run:
        copies = ProjectedDocuments(database)
        await forget_again(bootstrap, copies.fold_erasures)
        await groups.reset_offsets(bootstrap, "matching.reaction")
    await _rebuild("matching", database, bootstrap, dry_run=dry_run)
    _say_all(
        f"epoch {report.epoch}; {report.published_already} events in the outbox were published already",
        _named(
            "read back from their last event; published again only where they differ", report.documents("read_back")
        ),
        _named("LOST or set back, each with its last event", report.documents("set_back")),
    )
    return asdict(report)


async def _mentorships(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    topics = [MentorshipEnded.TOPIC]
    report = await _restore(MentorshipsRestored(database), topics, database, bootstrap, dry_run=dry_run)
    if not dry_run:
        erasures = MentorshipsErasures(database, SystemClock(), forget=FORGET)
        await forget_again(bootstrap, erasures.fold_erasures)
        await groups.reset_offsets(bootstrap, "mentorships.reaction")
    await _rebuild("mentorships", database, bootstrap, dry_run=dry_run)
    _say_all(
        f"epoch {report.epoch}; {report.published_already} events in the outbox were published already",
        "relationships opened, paused, resumed or closed since the backup are read again",
        _named("LOST or set back, each with its last event", report.documents("set_back")),
    )
    return asdict(report)


async def _notifications(database: Database, bootstrap: str, *, dry_run: bool) -> Document:
    notifications, topics = NotificationsRestored(database), [NotificationRecorded.TOPIC]
    report = await _restore(notifications, topics, database, bootstrap, dry_run=dry_run)
    if not dry_run:
        store, now = NotificationsErasures(database), SystemClock().now()
        await forget_again(bootstrap, lambda erased: store.fold_erasures(erased, now=now))
        await groups.reset_offsets(bootstrap, "notifications.reaction")
    await _rebuild("notifications", database, bootstrap, dry_run=dry_run)
    _say_all(
        f"epoch {report.epoch}: the counters of {report.counters} recipients; "
        f"{report.published_already} events in the outbox were published already",
        "the events since the backup are read again and notify under the same ids",
        "LOST: what was marked as read since the backup is unread again, and what was parked or dropped comes again",
    )
    return asdict(report)


async def _restore(
    service: RestoredService, topics: Iterable[str], database: Database, bootstrap: str, *, dry_run: bool
) -> Report:
    restoring = Restoring(database, service, SystemClock())
    await restoring.prepare()
    await _replay(bootstrap, topics, restoring.collect)
    return await (restoring.look() if dry_run else restoring.restore())


async def forget_again(bootstrap: str, fold: ProjectionHandler) -> None:
    """Erases people who were erased after the backup: their tombstones left the topics after a day."""
    await fold([received async for received in replayed(bootstrap, [MemberErased.TOPIC])])


async def _rebuild(service: str, database: Database, bootstrap: str, *, dry_run: bool) -> None:
    for copy in COPIES[service].values():
        say(f"{copy.collection}:")
        rebuild = Rebuild(database, copy, bootstrap=bootstrap, clock=SystemClock(), say=lambda line: say(f"  {line}"))
        await (rebuild.compare() if dry_run else rebuild.replace())


async def _replay(bootstrap: str, topics: Iterable[str], collect: Callable[[Received], None]) -> None:
    async for received in replayed(bootstrap, list(topics)):
        collect(received)


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


_WORK = {"profiles": _profiles, "matching": _matching, "mentorships": _mentorships, "notifications": _notifications}


if __name__ == "__main__":
    app()
