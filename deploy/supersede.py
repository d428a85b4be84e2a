"""Publishes an aggregate's state again, above a forged sequence on its topic, so that readers accept it.

    python -m deploy.supersede profiles.members ID --dry-run
    python -m deploy.supersede profiles.members ID

Reads the settings of profiles (`PROFILES_MONGO_URI`, `PROFILES_KAFKA_BOOTSTRAP`, …), in its container too, and is
recorded in the audit. Profiles must be running, to publish. After a restored backup use `deploy.restored` instead.
"""

from typing import Annotated

import typer

from deploy.operators import bootstrap_of, check_network, end, record_in_audit, run_with_store, say
from services.profiles.republishing.repository.stale_heads import TOPICS
from services.profiles.republishing.repository.superseding import Superseding
from shared.clock import SystemClock
from shared.consuming.replay import replayed
from shared.mongo import Database

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def supersede(
    topic: Annotated[str, typer.Argument(help=", ".join(TOPICS))],
    id: Annotated[str, typer.Argument(help="of the institution, programme or member")],
    *,
    dry_run: Annotated[bool, typer.Option(help="show what would be done, and change nothing")] = False,
) -> None:
    """Nothing is published where the topic holds no higher sequence than profiles has published."""
    if topic not in TOPICS:
        end(f"there is no topic {topic}: choose from {', '.join(TOPICS)}")
    bootstrap = bootstrap_of("profiles")

    async def work(database: Database) -> str:
        await check_network(database, "profiles")
        superseding = Superseding(database, SystemClock(), topic=topic)
        stored = await superseding.stored(id)
        if stored is None:
            end(f"profiles has no {id} for {topic}: check the id")
        found = await _sequences(bootstrap, topic, key=f"{stored['institution']}:{id}")
        forged = superseding.highest_forged(stored, found)
        if forged is None:
            return "the topic holds no higher sequence than profiles: nothing is published"
        if dry_run:
            return f"the topic holds sequence {forged}, which profiles did not publish; nothing is published"
        await record_in_audit(database, "supersede", topic=topic, aggregate=id, forged=forged)
        return f"published again as {await superseding.supersede(id, found)}, above the forged {forged}"

    say(run_with_store("profiles", work))


async def _sequences(bootstrap: str, topic: str, *, key: str) -> list[int]:
    """The sequence of every record with this key."""
    return [
        received.envelope.sequence async for received in replayed(bootstrap, [topic]) if received.envelope.key == key
    ]


if __name__ == "__main__":
    app()
