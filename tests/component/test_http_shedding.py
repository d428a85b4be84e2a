"""Writes are turned away while the outbox is behind; reading, health and imports' rows are another matter."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.envelope import Trace
from shared.contracts.profiles import InstitutionChanged
from shared.mongo import in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent
from tests.component.http_kit import SHED_AFTER_SECONDS, Api, running

BEHIND = "urn:preceptor:problem:outbox_behind"


@pytest.fixture
async def api(mongo_uri: str, issuer: LocalIssuer) -> AsyncIterator[Api]:
    async with running(mongo_uri, issuer) as api:
        yield api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as client:
        yield client


async def a_fact_waits(api: Api, *, bulk: bool = False, age: timedelta = timedelta()) -> str:
    fact = OutboxEvent(
        id=api.clock.new_id(),
        payload=InstitutionChanged(institution="charite", name="Charité", status="active"),
        institution="charite",
        sequence=1,
        time=api.clock.now() - age,
        trace=Trace(correlation_id="c"),
        bulk=bulk,
    )
    await in_transaction(api.database, lambda transaction: outbox.write(transaction, [fact]))
    await api.backlog.look()
    return fact.id


async def time_passes(api: Api, seconds: float) -> None:
    api.clock.ahead += timedelta(seconds=seconds)
    await api.backlog.look()


async def write(api: Api, client: httpx.AsyncClient, method: str = "POST", path: str = "/notes") -> httpx.Response:
    return await client.request(method, path, json={"text": "x"}, headers=api.headers(if_match='"1"'))


async def test_writes_are_shed_while_a_fact_waits_too_long_and_accepted_afterwards(
    api: Api, client: httpx.AsyncClient
) -> None:
    waits = await a_fact_waits(api)
    await time_passes(api, SHED_AFTER_SECONDS - 1)
    known = (await write(api, client)).json()["id"]

    await time_passes(api, 2)
    for method, path in (("POST", "/notes"), ("PATCH", f"/notes/{known}")):
        refused = await write(api, client, method, path)
        assert (refused.status_code, refused.json()["type"]) == (503, BEHIND)
        assert int(refused.headers["retry-after"]) > 0
    for path in (f"/notes/{known}", "/notes", "/health/live", "/health/ready"):
        assert (await client.get(path, headers=api.headers())).status_code == 200, path
    assert [note["_id"] for note in await api.notes()] == [known]

    await outbox.mark_sent(
        api.database["outbox"],
        [{"_id": waits, "topic": InstitutionChanged.TOPIC}],
        now=api.clock.now(),
    )
    await api.backlog.look()
    assert (await write(api, client, "PATCH", f"/notes/{known}")).status_code == 200


async def test_a_shed_request_succeeds_later_under_the_same_key(api: Api, client: httpx.AsyncClient) -> None:
    await a_fact_waits(api)
    await time_passes(api, SHED_AFTER_SECONDS + 1)
    headers = api.headers()
    refused = await client.post("/notes", json={"text": "x"}, headers=headers)
    await api.database["outbox"].delete_many({})
    await api.backlog.look()
    taken = await client.post("/notes", json={"text": "x"}, headers=headers)
    assert (refused.status_code, taken.status_code) == (503, 201)
    assert "idempotency-replayed" not in taken.headers


async def test_an_import_limited_by_its_rate_sheds_no_request(api: Api, client: httpx.AsyncClient) -> None:
    await a_fact_waits(api, bulk=True)
    await time_passes(api, SHED_AFTER_SECONDS + 1)
    assert (await write(api, client)).status_code == 201


async def test_an_invalid_token_is_refused_before_shedding(api: Api, client: httpx.AsyncClient) -> None:
    await a_fact_waits(api)
    await time_passes(api, SHED_AFTER_SECONDS + 1)
    assert (await client.post("/notes", json={"text": "x"})).status_code == 401


async def test_a_new_fact_sheds_no_request_however_wrong_its_writers_clock(api: Api, client: httpx.AsyncClient) -> None:
    await a_fact_waits(api, age=timedelta(minutes=10))
    assert (await write(api, client)).status_code == 201


async def test_a_backlog_that_grows_faster_than_it_is_published_sheds_writes(
    api: Api, client: httpx.AsyncClient
) -> None:
    """No fact is the oldest for long, and every one waits for too long."""
    waits: list[str] = []
    for _ in range(80):
        waits += [await a_fact_waits(api), await a_fact_waits(api)]
        await api.database["outbox"].update_one({"_id": waits.pop(0)}, {"$set": {"status": "sent"}})
        await time_passes(api, 1)
    assert (await write(api, client)).status_code == 503
