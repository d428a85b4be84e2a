"""A process dies after its transaction and before its answer: a repeated request gets the first answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component.profiles_kit import Network, Person, running

KEY = "0190a8f0-one-key"
ADA = {"name": "Ada", "email": "ada@example.org"}
CSV = b"name,email\nAda,ada@example.org\n"
MAPPING = "sections: {people: {fields: {name: {column: name}, email: {column: email}}}}"


@pytest.fixture
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


async def crash(network: Network) -> None:
    """What a process leaves that died a moment ago, before its answers were kept."""
    left = [{"$set": {"status": None, "at": "$$NOW"}}, {"$unset": ["body", "headers"]}]
    await network.database["idempotency"].update_many({}, left)


async def a_minute_passes(network: Network) -> None:
    long_ago = SystemClock().now() - timedelta(seconds=61)
    await network.database["idempotency"].update_many({"status": None}, {"$set": {"at": long_ago}})


async def create_again(network: Network, who: Person, path: str, body: dict[str, Any], **changes: Any) -> Any:
    """Both answers; `meanwhile` is what was changed between them."""
    key = SystemClock().new_id()
    first = await who.post(path, body, key=key)
    if changes:
        change = await who.patch(f"{path}/{first.json()['id']}", changes, version=1)
        assert change.status_code == 200, change.text
    await crash(network)
    return first, await who.post(path, body, key=key)


async def test_a_repeated_creation_returns_the_same_answer(network: Network) -> None:
    here = await network.institution("here")
    for who, path, body, changes in (
        (here, "/members", ADA, {"name": "Ada L."}),
        (network.operator, "/institutions", {"id": "there", "name": "There"}, {"name": "Elsewhere"}),
        (here, "/programmes", {"id": "here.named", "name": "Named"}, {"name": "Renamed"}),
        (here, "/programmes", {"name": "Unnamed"}, {"status": "inactive"}),
    ):
        first, again = await create_again(network, who, path, body, **changes)
        assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), '"1"')
    rows = await network.database["outbox"].find({"sequence": 1}).to_list(None)
    assert len({(row["topic"], row["key"]) for row in rows}) == len(rows)


async def test_a_repeated_registration_succeeds_after_the_programme_closed(network: Network) -> None:
    here = await network.institution("here")
    programme = (await here.post("/programmes", {"name": "Care"})).json()
    body = ADA | {"enrolments": [{"programme": programme["id"], "roles": ["mentor"]}]}
    first = await here.post("/members", body, key=KEY)
    await here.patch(f"/programmes/{programme['id']}", {"status": "inactive"}, version=1)
    await crash(network)
    again = await here.post("/members", body, key=KEY)
    assert (again.status_code, again.json()) == (201, first.json())
    refused = await here.post("/members", body | {"email": "other@example.org"})
    assert refused.status_code == 422, "for everybody else it is closed"


async def test_an_id_that_another_request_took_stays_refused(network: Network) -> None:
    founded = await network.operator.post("/institutions", {"id": "there", "name": "There"})
    await crash(network)
    other = await network.operator.post("/institutions", {"id": "there", "name": "There"})
    assert (founded.status_code, other.status_code) == (201, 409)


async def test_accepting_an_invitation_again_succeeds_for_the_same_sign_in(network: Network) -> None:
    here = await network.institution("here")
    member = await network.member(here, "ada")
    code = {"code": (await here.post(f"/members/{member['id']}/invitations")).json()["code"]}
    person = network.sign_in("ada", "here", "member")
    first = await person.post("/invitations/accept", code, key=KEY)
    await crash(network)
    await a_minute_passes(network)
    again = await person.post("/invitations/accept", code, key=KEY)
    assert (again.status_code, again.json()) == (200, first.json())


async def test_a_repeated_upload_creates_no_second_roster(network: Network) -> None:
    here = await network.institution("here")
    first = await here.upload(CSV, MAPPING, key=KEY)
    await crash(network)
    await a_minute_passes(network)
    again = await here.upload(CSV, MAPPING, key=KEY)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())


async def test_a_request_whose_process_died_after_its_transaction_is_answered_without_a_wait(network: Network) -> None:
    here = await network.institution("here")
    first = await here.post("/members", ADA, key=KEY)
    await crash(network)
    again = await here.post("/members", ADA, key=KEY)
    assert (again.status_code, again.json()) == (201, first.json())
