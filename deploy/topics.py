"""The topics of deploy/topics.yaml on a running Kafka.

    python -m deploy.topics apply --bootstrap HOST:PORT [--size production|native]     creates what is missing
    python -m deploy.topics check --bootstrap HOST:PORT [--size production|native]     says what differs; 1 if anything

Nothing that exists is changed: more partitions would move keys, a shorter retention would delete.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from shared.topics import PRODUCTION, create_missing, differences, load_topics

FILE = Path(__file__).parent / "topics.yaml"
Bootstrap = Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="host:port, several with commas")]
Size = Annotated[str, typer.Option(help="a size of deploy/topics.yaml")]

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def apply(bootstrap: Bootstrap, size: Size = PRODUCTION) -> None:
    """Creates what is missing, then says what differs."""
    created = asyncio.run(create_missing(bootstrap, load_topics(FILE, size=size)))
    print(f"created {', '.join(created)}" if created else "every topic exists")
    check(bootstrap, size)


@app.command()
def check(bootstrap: Bootstrap, size: Size = PRODUCTION) -> None:
    """Says what differs."""
    told = asyncio.run(differences(bootstrap, load_topics(FILE, size=size)))
    print("\n".join(told) or "every topic is as declared")
    if told:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
