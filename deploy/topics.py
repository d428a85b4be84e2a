"""Creates and checks the topics of deploy/topics.yaml on a running Kafka.

    python -m deploy.topics apply --bootstrap HOST:PORT [--size production|native] [--network ID]
    python -m deploy.topics check --bootstrap HOST:PORT [--size production|native] [--network ID]

`apply` creates missing topics; both print differences, and exit with 1 if there are any.
An existing topic is never changed: more partitions would move keys, a shorter retention would delete records.
"""

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from shared import kafka
from shared.network import marker_topic
from shared.settings import NETWORK_ID
from shared.topics import PRODUCTION, create_missing, differences, load_topics

FILE = Path(__file__).parent / "topics.yaml"


def _network_id(value: str) -> str:
    if not re.fullmatch(NETWORK_ID, value):
        raise typer.BadParameter("must be at most 31 small letters, digits and `-`, like north-2")
    return value


Bootstrap = Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="host:port; separate several with commas")]
Network = Annotated[
    str, typer.Option(envvar="NETWORK_ID", callback=_network_id, help="the network, where several share this Kafka")
]
Size = Annotated[str, typer.Option(help="a size of deploy/topics.yaml")]

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def apply(bootstrap: Bootstrap, size: Size = PRODUCTION, network: Network = "") -> None:
    """Creates missing topics, then prints differences."""
    topics = load_topics(FILE, size=size, network=network)
    marker = marker_topic(kafka.address(bootstrap, network=network), like=topics[0])
    created = asyncio.run(create_missing(bootstrap, [*topics, marker]))
    print(f"created {', '.join(created)}" if created else "every topic exists")
    check(bootstrap, size, network)


@app.command()
def check(bootstrap: Bootstrap, size: Size = PRODUCTION, network: Network = "") -> None:
    """Prints differences."""
    found = asyncio.run(differences(bootstrap, load_topics(FILE, size=size, network=network)))
    print("\n".join(found) or "every topic is as declared")
    if found:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
