"""Publishes an aggregate's state again, above a forged sequence on its topic: readers accept the true state again.

    python -m deploy.supersede profiles.members ID --dry-run
    python -m deploy.supersede profiles.members ID

Reads what profiles reads (`PROFILES_MONGO_URI`, `PROFILES_KAFKA_BOOTSTRAP`, …), in its container too, and goes on
record. Profiles must be running, to publish. After a restored backup it is `deploy.restored` that is needed, not this.
"""

from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from deploy.operators import asked, bootstrap_of, check_network, end, put_on_record, say
from services.profiles.republishing.repository.stale_heads import TOPICS
from services.profiles.republishing.repository.superseding import Superseding
from shared.clock import SystemClock
from shared.consuming.replay import Replay
from shared.contracts.envelope import Unreadable, read
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
        forged = superseding.forged(stored, found)
        if forged is None:
            return "the topic holds no higher sequence than profiles: nothing is published"
        if dry_run:
            return f"the topic holds sequence {forged}, which profiles did not publish; nothing is published"
        await put_on_record(database, "supersede", topic=topic, aggregate=id, forged=forged)
        return f"published again as {await superseding.supersede(id, found)}, above the forged {forged}"

    try:
        say(asked("profiles", work))
    except KafkaError as fault:
        end(f"Kafka cannot be used ({type(fault).__name__}): check its address and that it runs")


async def _sequences(bootstrap: str, topic: str, *, key: str) -> list[int]:
    """Of every record under this key."""
    sequences = []
    async with Replay.open(bootstrap, [topic]) as replay:
        async for records in replay.until(await replay.ends()):
            for record in records:
                try:
                    received = read(key=record.key, value=record.value, headers=record.headers)
                except Unreadable:
                    continue
                if received is not None and received.envelope.key == key:
                    sequences.append(received.envelope.sequence)
    return sequences


if __name__ == "__main__":
    app()
