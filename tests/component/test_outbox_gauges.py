"""What waits in the outbox shows in every process, whether or not it leads the relay."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from deploy.issuer import LocalIssuer
from services.profiles import app
from services.profiles.settings import Settings
from shared import kafka, mongo
from shared.outbox.gauges import OutboxGauges
from shared.service import ROLES
from tests.component.conftest import Plumbing
from tests.component.profiles_kit import running
from tests.component.sending import commit, fact, relay_of
from tests.eventually import eventually

AGE, HELD, LEADS = "preceptor_outbox_pending_age_seconds", "preceptor_outbox_held_facts", "preceptor_relay_leads"


@pytest.fixture
def gauges(plumbing: Plumbing) -> OutboxGauges:
    return OutboxGauges(plumbing.database, plumbing.clock, plumbing.metrics)


def value(plumbing: Plumbing, name: str) -> float:
    return plumbing.metrics.registry.get_sample_value(name) or 0.0


async def test_the_age_rises_while_no_relay_runs(plumbing: Plumbing, gauges: OutboxGauges, tenant: str) -> None:
    await gauges.measure()
    assert value(plumbing, AGE) == 0
    waiting = fact(plumbing, tenant, 1)
    await commit(plumbing, [replace(waiting, time=waiting.time - timedelta(seconds=74))])
    await gauges.measure()
    first = value(plumbing, AGE)
    await gauges.measure()
    assert 74 <= first < value(plumbing, AGE)


async def test_the_age_is_that_of_the_oldest_urgent_fact(plumbing: Plumbing, gauges: OutboxGauges, tenant: str) -> None:
    import_row, urgent = fact(plumbing, f"{tenant}-a", 1, bulk=True), fact(plumbing, f"{tenant}-b", 1)
    await commit(plumbing, [replace(import_row, time=import_row.time - timedelta(hours=1)), urgent])
    await gauges.measure()
    assert value(plumbing, AGE) < 3000


async def test_held_facts_are_counted_and_do_not_wait(plumbing: Plumbing, gauges: OutboxGauges, tenant: str) -> None:
    await commit(plumbing, [fact(plumbing, tenant, 1)])
    await plumbing.database["outbox"].update_many({}, {"$set": {"status": "held"}})
    await gauges.measure()
    assert (value(plumbing, AGE), value(plumbing, HELD)) == (0, 1)


async def test_leadership_shows_while_it_lasts(plumbing: Plumbing, publisher: kafka.Publisher) -> None:
    assert value(plumbing, LEADS) == 0
    relay = asyncio.create_task(relay_of(plumbing, publisher).run())

    async def leads() -> bool:
        return value(plumbing, LEADS) == 1

    await eventually(leads, message="the relay leads")
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)
    assert value(plumbing, LEADS) == 0


@pytest.fixture
async def settings(mongo_uri: str, issuer: LocalIssuer, plumbing: Plumbing) -> AsyncIterator[Settings]:
    settings = Settings(
        environment="development",
        mongo_uri=mongo_uri,
        mongo_database=f"profiles_{plumbing.clock.new_id()}",
        kafka_bootstrap="127.0.0.1:1",
        issuers_file=issuer.issuers_file,
        topics_size="native",
    )
    yield settings
    database = mongo.connect(mongo_uri, settings.mongo_database)
    await database.client.drop_database(settings.mongo_database)
    database.client.close()


@pytest.mark.parametrize("role", ROLES)
async def test_a_process_of_any_role_measures_the_outbox(settings: Settings, plumbing: Plumbing, role: str) -> None:
    service = app.build(settings, plumbing.clock, roles=[role])
    await service.close()
    assert "gauges" in service.background


async def test_the_backlog_shows_over_http_without_a_relay(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, background={"gauges": True}) as network:
        await network.institution("charite")

        async def shows() -> bool:
            metrics = (await network.client.get("/metrics")).text
            return any(line.startswith(AGE) and float(line.split()[1]) > 0 for line in metrics.splitlines())

        await eventually(shows, message="the age shows")
