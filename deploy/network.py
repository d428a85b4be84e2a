"""Which network owns the topics, and which MongoDB claimed them for a service.

    python -m deploy.network show profiles
    python -m deploy.network adopt profiles    # after the store of profiles was lost without a backup

Reads what the service reads (`PROFILES_KAFKA_BOOTSTRAP`, `PROFILES_NETWORK_ID`, `PROFILES_MONGO_URI`).
"""

from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from deploy.operators import asked, bootstrap_of, end, put_on_record, say
from shared.clock import SystemClock
from shared.mongo import Database
from shared.network import AnotherNetwork, Marker, Network

Service = Annotated[str, typer.Argument(help="profiles, matching or notifications")]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def show(service: Service) -> None:
    """The network's identity, and whether the topics are claimed; 1 if another network or store claimed them."""
    address = bootstrap_of(service)

    async def checked(database: Database) -> Marker:
        return await Network(database, address, service=service, clock=SystemClock()).check()

    try:
        marker = asked(service, checked)
    except AnotherNetwork as reason:
        end(str(reason))
    except KafkaError as fault:
        end(f"Kafka cannot be used ({type(fault).__name__}): check its address, and that the service has started once")
    say(f"network {marker.identity or 'not claimed yet'}")
    say(f"{service}: {'claimed' if service in marker.stores else 'not claimed yet'}")


@app.command()
def adopt(service: Service) -> None:
    """Gives the topics to this store; the store that had claimed them is refused from then on."""
    address = bootstrap_of(service)

    async def work(database: Database) -> None:
        await put_on_record(database, "network adopt")
        await Network(database, address, service=service, clock=SystemClock()).adopt()

    try:
        asked(service, work)
    except KafkaError as fault:
        end(f"Kafka cannot be used ({type(fault).__name__}): check its address and that it runs")
    say(f"the topics belong to this store of {service}")


if __name__ == "__main__":
    app()
