"""Shows which network owns the topics, and gives them to another store of a service.

    python -m deploy.network show profiles
    python -m deploy.network adopt profiles    # after the store of profiles was lost without a backup

Reads what the service reads (`PROFILES_KAFKA_BOOTSTRAP`, `PROFILES_NETWORK_ID`, `PROFILES_MONGO_URI`).
"""

from typing import Annotated

import typer

from deploy.operators import bootstrap_of, end, record_in_audit, run_with_store, say
from shared.clock import SystemClock
from shared.mongo import Database
from shared.network import AnotherNetwork, Marker, Network

Service = Annotated[str, typer.Argument(help="profiles, matching, notifications or mentorships")]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def show(service: Service) -> None:
    """The network's identity, and whether the topics are claimed; 1 if another network or store claimed them."""
    address = bootstrap_of(service)

    async def check(database: Database) -> Marker:
        return await Network(database, address, service=service, clock=SystemClock()).check()

    try:
        marker = run_with_store(service, check)
    except AnotherNetwork as reason:
        end(str(reason))
    say(f"network {marker.identity or 'not claimed yet'}")
    say(f"{service}: {'claimed' if service in marker.stores else 'not claimed yet'}")


@app.command()
def adopt(service: Service) -> None:
    """Gives the topics to this store; the store that had claimed them is refused from then on."""
    address = bootstrap_of(service)

    async def work(database: Database) -> None:
        await record_in_audit(database, "network adopt")
        await Network(database, address, service=service, clock=SystemClock()).adopt()

    run_with_store(service, work)
    say(f"the topics belong to this store of {service}")


if __name__ == "__main__":
    app()
