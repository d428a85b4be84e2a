"""Publishes every member's preferences again, with the contract's present fields.

    python -m deploy.republish

Reads the settings of profiles (`PROFILES_MONGO_URI`, …), in its container too, and is recorded in the audit.
Profiles may be running.
"""

import typer

from deploy.operators import record_in_audit, run_with_store, say
from services.profiles.republishing.repository.preferences import republish_preferences
from shared.clock import SystemClock
from shared.mongo import Database

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def republish() -> None:
    """Each run publishes all of them."""

    async def work(database: Database) -> int:
        await record_in_audit(database, "republish")
        published = await republish_preferences(database, SystemClock())
        await record_in_audit(database, "republish done", members=published)
        return published

    say(f"the preferences of {run_with_store('profiles', work)} members are published again")


if __name__ == "__main__":
    app()
