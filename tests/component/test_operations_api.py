"""What an operator reads of a service over HTTP, and does to parked records: no content, each act in the audit."""

from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from shared.consuming.parking import Parking, ParkReason, ParkRequest
from shared.contracts.dead_letters import ProfilesRecordParked
from tests.component.consuming import Sent
from tests.component.profiles_kit import Network, running

SECRET = b"grace.hopper@example.org"


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


async def park(network: Network, id: str, *, offset: int, key: bytes | None) -> None:
    record = Sent(topic="matching.events", offset=offset, key=key, value=SECRET, headers=[("ce_subject", SECRET)])
    request = ParkRequest(record=record, cause=ParkReason("handler_refused", "why"), id=id, blocks=key is not None)
    parking = Parking(network.database, dead_letter=ProfilesRecordParked)
    await parking.park([request], consumer="profiles.cards", now=SystemClock().now())


async def sent(
    network: Network, method: str, path: str, *, institution: str | None = None, role: str = "operator"
) -> int:
    token = network.sign_in("op", institution, role).token
    answer = await network.client.request(method, path, headers={"authorization": f"Bearer {token}"})
    assert SECRET.decode() not in answer.text
    return answer.status_code


async def test_an_operator_reads_what_runs_and_what_is_parked_without_its_content(network: Network) -> None:
    await park(network, "shown", offset=1, key=b"a:x")
    await park(network, "later", offset=2, key=b"a:x")
    found = (await network.operator.get("/operations")).json()
    assert found["service"] == "profiles"
    assert found["not_ready"] == {}
    assert found["issuers"][0]["institutions"] == ["*"]
    assert {"consumer": "profiles.cards", "reason": "handler_refused", "count": 2} in found["parked"]
    answer = await network.operator.get("/operations/parked")
    assert SECRET.decode() not in answer.text
    behind = {each["id"]: each["behind"] for each in answer.json()["items"]}
    assert (behind["shown"], behind["later"]) == (1, 0)


async def test_a_record_is_dropped_with_a_reason_that_the_audit_keeps(network: Network) -> None:
    await park(network, "first", offset=3, key=b"b:y")
    await park(network, "second", offset=4, key=b"b:y")
    assert await sent(network, "DELETE", "/operations/parked/second?reason=test") == 409
    assert await sent(network, "DELETE", "/operations/parked/first") == 422
    assert await sent(network, "DELETE", "/operations/parked/first?reason=test") == 204
    assert await sent(network, "DELETE", "/operations/parked/first?reason=test") == 404
    assert await sent(network, "PUT", "/operations/parked/second/retry") == 204
    acts = await network.database["audit"].find({"id": {"$in": ["first", "second"]}}).sort("_id").to_list(None)
    assert [(act["what"], act.get("reason")) for act in acts] == [("parked drop", "test"), ("parked retry", None)]
    [due] = await network.database["parked"].find({"_id": "second"}).to_list(None)
    assert due["retry_at"] is not None


async def test_a_record_without_a_key_is_not_retried(network: Network) -> None:
    await park(network, "odd", offset=5, key=None)
    assert await sent(network, "PUT", "/operations/parked/odd/retry") == 409


@pytest.mark.parametrize("role", ["member", "institution_coordinator", "integrator"])
async def test_operations_are_for_operators_alone(network: Network, role: str) -> None:
    for method, path in (
        ("GET", "/operations"),
        ("GET", "/operations/parked"),
        ("PUT", "/operations/parked/x/retry"),
        ("DELETE", "/operations/parked/x?reason=test"),
    ):
        assert await sent(network, method, path, institution="here", role=role) == 403, path
