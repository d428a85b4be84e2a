"""Publishes every member's preferences again, with the fields that the contract has by now.

    python -m deploy.republish

Reads what profiles reads (`PROFILES_MONGO_URI`, …), in its container too, and goes on record.
Profiles may run meanwhile.
"""

import typer

from deploy.operators import asked, put_on_record, say
from services.profiles.republishing.repository.preferences import republish_preferences
from shared.clock import SystemClock
from shared.mongo import Database

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def republish() -> None:
    """Run again, it publishes all of them again."""

    async def work(database: Database) -> int:
        await put_on_record(database, "republish")
        published = await republish_preferences(database, SystemClock())
        await put_on_record(database, "republish done", members=published)
        return published

    say(f"the preferences of {asked('profiles', work)} members are published again")


if __name__ == "__main__":
    app()
