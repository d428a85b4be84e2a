"""Rebuilds a service's projection of another service's state from its topic, while the service runs.

    python -m deploy.rebuild matching participants --dry-run    # compares, replaces nothing
    python -m deploy.rebuild matching participants              # replaces the projection too

Reads the service's settings (`MATCHING_MONGO_URI`, `MATCHING_KAFKA_BOOTSTRAP`, …), in its container too, and is
recorded in the audit. If it is interrupted, run it again: it starts over and removes what the first run left.
"""

from collections.abc import Mapping
from typing import Annotated

import typer

from deploy.operators import bootstrap_of, check_network, end, record_in_audit, run_with_store, say
from services.matching.rebuilding import COPIES as MATCHING
from services.mentorships.projections.repository import COPIES as MENTORSHIPS
from services.notifications.privacy.repository import COPIES as NOTIFICATIONS
from services.profiles.cards.repository import COPIES as PROFILES
from shared.clock import SystemClock
from shared.comparison import Comparison
from shared.consuming.projection import Copy
from shared.consuming.rebuild import Rebuild, WouldLoseDocuments
from shared.mongo import Database

COPIES: Mapping[str, Mapping[str, Copy]] = {
    "profiles": {copy.collection: copy for copy in PROFILES},
    "matching": {copy.collection: copy for copy in MATCHING},
    "mentorships": {copy.collection: copy for copy in MENTORSHIPS},
    "notifications": {copy.collection: copy for copy in NOTIFICATIONS},
}
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("rebuild")
def command(
    service: Annotated[str, typer.Argument(help=", ".join(COPIES))],
    projection: Annotated[
        str, typer.Argument(help="; ".join(f"{name}: {', '.join(of)}" for name, of in COPIES.items()))
    ],
    *,
    dry_run: Annotated[bool, typer.Option(help="only compare, and change nothing")] = False,
    even_if_less: Annotated[bool, typer.Option(help="replace the copy even if the topic has fewer documents")] = False,
) -> None:
    """Projects the topic again, compares, replaces, and projects the records that have arrived since."""
    copy = _copy(service, projection)
    bootstrap = bootstrap_of(service)

    async def work(database: Database) -> Comparison:
        await check_network(database, service)
        what = f"rebuild {projection}"
        await record_in_audit(database, what, dry_run=dry_run, even_if_less=even_if_less)
        rebuild = Rebuild(database, copy, bootstrap=bootstrap, clock=SystemClock(), say=say)
        found = await (rebuild.compare() if dry_run else rebuild.replace(even_if_less=even_if_less))
        differing = {name: len(ids) for name, ids in found.differing.items()}
        await record_in_audit(database, f"{what} done", dry_run=dry_run, agreeing=found.agreeing, differing=differing)
        return found

    try:
        found = run_with_store(service, work)
    except WouldLoseDocuments as refused:
        end(f"{refused}: nothing is replaced; find out why they are not in the topic, or add --even-if-less")
    if dry_run:
        say("nothing is replaced" + ("" if found.differing else ", and there is no need to"))


def _copy(service: str, projection: str) -> Copy:
    if service not in COPIES:
        end(f"{service} has no copies to rebuild: choose from {', '.join(COPIES)}")
    if projection not in COPIES[service]:
        end(f"{service} has no copy {projection}: choose from {', '.join(COPIES[service])}")
    return COPIES[service][projection]


if __name__ == "__main__":
    app()
