"""Makes a service's copy of another's state anew from its topic, while the service goes on.

    python -m deploy.rebuild matching participants --dry-run    # compares, replaces nothing
    python -m deploy.rebuild matching participants              # and puts the new one in place of the old

Reads what the service reads (`MATCHING_MONGO_URI`, `MATCHING_KAFKA_BOOTSTRAP`, …), in its container too, and goes on
record. If it is interrupted, run it again: it begins anew, and leaves nothing of the first time.
"""

from collections.abc import Mapping
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from deploy.operators import asked, bootstrap_of, check_network, end, put_on_record, say
from services.matching.rebuilding import COPIES as MATCHING
from services.notifications.repository.inbox import COPIES as NOTIFICATIONS
from services.profiles.cards.repository import COPIES as PROFILES
from shared.clock import SystemClock
from shared.comparison import Comparison
from shared.consuming.projection import Copy
from shared.consuming.rebuild import Less, Rebuild
from shared.mongo import Database

COPIES: Mapping[str, Mapping[str, Copy]] = {
    "profiles": {copy.collection: copy for copy in PROFILES},
    "matching": {copy.collection: copy for copy in MATCHING},
    "notifications": {copy.collection: copy for copy in NOTIFICATIONS},
}
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def rebuild(
    service: Annotated[str, typer.Argument(help=", ".join(COPIES))],
    projection: Annotated[
        str, typer.Argument(help="; ".join(f"{name}: {', '.join(of)}" for name, of in COPIES.items()))
    ],
    *,
    dry_run: Annotated[bool, typer.Option(help="only compare, and change nothing")] = False,
    even_if_less: Annotated[bool, typer.Option(help="replace the copy even if the topic has fewer documents")] = False,
) -> None:
    """Folds the topic anew, compares, swaps, and folds what came meanwhile."""
    copy = _copy(service, projection)
    bootstrap = bootstrap_of(service)

    async def rebuilt(database: Database) -> Comparison:
        await check_network(database, service)
        what = f"rebuild {projection}"
        await put_on_record(database, what, dry_run=dry_run, even_if_less=even_if_less)
        whole = Rebuild(database, copy, bootstrap=bootstrap, clock=SystemClock(), say=say)
        found = await (whole.compare() if dry_run else whole.replace(even_if_less=even_if_less))
        differing = {name: len(ids) for name, ids in found.differing.items()}
        await put_on_record(database, f"{what} done", dry_run=dry_run, agreeing=found.agreeing, differing=differing)
        return found

    try:
        found = asked(service, rebuilt)
    except Less as less:
        end(f"{less}: nothing is replaced; find out why they are not in the topic, or add --even-if-less")
    except KafkaError as fault:
        end(f"Kafka cannot be used ({type(fault).__name__}): check its address and that it runs")
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
