"""The live stream on a real port: what was missed, then what comes, for as many streams as a person opens."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.notifications.inbox.repository.tickets import MongoTicketRepository
from shared.contracts.profiles import ContactChanged
from tests.component.notifications_kit import Notifications, event, serving, settings, sharing
from tests.eventually import eventually

APP = "https://app.example.org"


@pytest.fixture
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    async with sharing(mongo_uri, kafka_bootstrap, issuer, cors_origins=APP) as notifications:
        yield notifications


@pytest.fixture
async def member(running: Notifications) -> str:
    name = f"m-{running.clock.new_id()}"
    await running.knows(name)
    return name


async def listening(running: Notifications, streams: int) -> bool:
    exported = (await running.http.get("/metrics")).text
    return f"preceptor_inbox_streams {streams}.0" in exported.splitlines()


async def test_a_notification_is_streamed_on_arrival_with_its_position(running: Notifications, member: str) -> None:
    async with running.stream(member) as stream:
        await eventually(lambda: listening(running, 1))
        await running.tell(event(member))
        message = await stream.next()
        await running.tell(event(member))
        two = await stream.next()
    assert [message["id:"], two["id:"]] == ["1", "2"]
    assert message["id"] == two["id"]
    assert message["title"] == "Your list of mentors is ready: 1 suggestion"


async def test_a_stream_resumed_from_its_counter_gets_what_it_missed_in_order(
    running: Notifications, member: str
) -> None:
    for programme in ("one", "two", "three"):
        await running.tell(event(member, programme=programme))
    async with running.stream(member, last=1) as stream:
        assert [(await stream.next())["programme"] for _ in range(2)] == ["two", "three"]
        await running.tell(event(member, programme="four"))
        assert (await stream.next())["id:"] == "4"


async def test_the_header_of_a_return_goes_before_the_address_of_the_first_visit(
    running: Notifications, member: str
) -> None:
    for programme in ("one", "two", "three"):
        await running.tell(event(member, programme=programme))
    async with running.stream(member, last=2, after=0) as stream:
        assert (await stream.next())["programme"] == "three"
    async with running.stream(member, after=0) as stream:
        assert (await stream.next())["programme"] == "one"


async def test_a_position_from_before_a_restored_backup_still_gets_new_notifications(
    running: Notifications, member: str
) -> None:
    async with running.stream(member, last=1_000_000) as stream:
        await eventually(lambda: listening(running, 1))
        await running.tell(event(member))
        assert (await stream.next())["id:"] == "1"


async def test_a_page_and_the_stream_from_its_position_miss_nothing(running: Notifications, member: str) -> None:
    await running.tell(event(member, programme="seen"))
    position = (await running.inbox(member))["position"]
    await running.tell(event(member, programme="between"))
    async with running.stream(member, after=position) as stream:
        assert (await stream.next())["programme"] == "between"


async def test_a_persons_streams_on_several_devices_get_only_their_notifications(
    running: Notifications, member: str
) -> None:
    other = f"{member}-other"
    await running.knows(other)
    async with running.stream(member) as phone, running.stream(member) as laptop, running.stream(other) as neighbour:
        await eventually(lambda: listening(running, 3))
        await running.tell(event(member, programme="mine"))
        assert [(await device.next())["programme"] for device in (phone, laptop)] == ["mine", "mine"]
        await running.tell(event(other, programme="theirs"))
        assert (await neighbour.next())["programme"] == "theirs"


async def test_more_missed_notifications_than_a_page_are_all_sent(running: Notifications, member: str) -> None:
    for number in range(105):
        await running.tell(event(member, programme=f"p{number}"))
    async with running.stream(member, after=0) as stream:
        assert [int((await stream.next())["id:"]) for _ in range(105)] == list(range(1, 106))


async def test_a_disconnected_stream_is_forgotten(running: Notifications, member: str) -> None:
    async with running.stream(member):
        await eventually(lambda: listening(running, 1))
    await eventually(lambda: listening(running, 0), message="the stream is closed")


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "99999999999999999999"])
async def test_a_forged_last_event_id_is_refused(running: Notifications, member: str, last: str) -> None:
    answer = await running.http.get("/inbox/stream", headers=running.headers(member) | {"Last-Event-ID": last})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_an_unknown_sign_in_gets_a_problem_and_no_stream(running: Notifications) -> None:
    answer = await running.http.get("/inbox/stream", headers=running.headers("nobody"))
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


async def test_a_stream_ends_with_its_token_and_advises_renewal(running: Notifications, member: str) -> None:
    async with running.stream(member, lifetime_seconds=1) as stream:
        assert await stream.rest() == ["event: renew", 'data: {"reason": "token_expired"}']
    await running.tell(event(member))
    async with running.stream(member, last=0) as renewed:
        assert (await renewed.next())["id:"] == "1"


async def test_a_deactivation_ends_every_stream_and_nothing_is_sent_after_it(
    running: Notifications, member: str
) -> None:
    async with running.stream(member) as phone, running.stream(member) as laptop:
        await eventually(lambda: listening(running, 2))
        await running.knows(member, status="inactive")
        await running.tell(event(member))
        for stream in (phone, laptop):
            assert await stream.rest() == ["event: ended", 'data: {"reason": "member_inactive"}']


async def test_an_erasure_ends_the_stream(running: Notifications, member: str) -> None:
    async with running.stream(member) as stream:
        await eventually(lambda: listening(running, 1))
        await running.erasures.fold_contacts([running.erased(ContactChanged, "north", member)])
        assert await stream.rest() == ["event: ended", 'data: {"reason": "member_inactive"}']


async def test_a_deactivation_ends_no_other_members_streams(running: Notifications, member: str) -> None:
    other = f"{member}-other"
    await running.knows(other)
    async with running.stream(other) as stream:
        await eventually(lambda: listening(running, 1))
        await running.knows(member, status="inactive")
        await running.tell(event(other))
        assert (await stream.next())["id:"] == "1"


async def test_an_inactive_member_has_no_inbox_until_they_are_reactivated(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    await running.knows(member, status="inactive")
    for method, path in (("GET", "/inbox"), ("GET", "/inbox/stream"), ("POST", "/inbox/x/read")):
        answer = await running.http.request(method, path, headers=running.headers(member))
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:preceptor:problem:member_inactive"), path
    answer = await running.http.post("/inbox/read", json={"up_to": 1}, headers=running.headers(member))
    assert answer.json()["type"] == "urn:preceptor:problem:member_inactive"
    await running.knows(member)
    assert (await running.inbox(member))["unread"] == 1


async def test_a_silent_stream_has_a_heartbeat_and_ends_in_time(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    brief = settings(mongo_uri, kafka_bootstrap, issuer, heartbeat_seconds=0.2, stream_seconds=1)
    async with serving(brief, issuer, "api") as running:
        await running.knows("mia")
        async with running.stream("mia") as stream:
            lines = await stream.rest()
    assert lines
    assert all(line.startswith(":") for line in lines)


async def test_a_stop_ends_an_open_stream_properly_without_delay(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with asyncio.timeout(10), httpx.AsyncClient(timeout=10) as client:
        async with serving(settings(mongo_uri, kafka_bootstrap, issuer), issuer, "api") as running:
            await running.knows("mia")
            client.base_url = running.http.base_url
            streaming = replace(running, http=client).stream("mia")
            stream = await streaming.__aenter__()
            rest = asyncio.create_task(stream.rest())
        assert all(line.startswith(":") for line in await rest)
        await streaming.__aexit__(None, None, None)


async def issued(running: Notifications, member: str, **token: Any) -> str:
    answer = await running.http.post("/inbox/stream/tickets", headers=running.headers(member, **token))
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store"), answer.text
    return str(answer.json()["ticket"])


async def opened_by(running: Notifications, ticket: str, **headers: str) -> tuple[int, str]:
    answer = await running.http.get("/inbox/stream", params={"ticket": ticket}, headers=headers)
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_ticket_opens_the_stream_of_its_owner_once_and_without_a_token(
    running: Notifications, member: str
) -> None:
    ticket = await issued(running, member)
    async with running.stream_of_ticket(ticket) as stream:
        await running.tell(event(member, programme="mine"))
        assert (await stream.next())["programme"] == "mine"
        assert await opened_by(running, ticket) == (401, "ticket_invalid"), "used"
    assert await opened_by(running, "another") == (401, "ticket_invalid")
    assert await running.database["stream_tickets"].count_documents({}) == 0


async def test_of_requests_with_the_same_ticket_at_once_one_is_answered(running: Notifications, member: str) -> None:
    ticket = await issued(running, member)
    repository = MongoTicketRepository(running.database)
    code_hash = hashlib.sha256(ticket.encode()).hexdigest()
    taken = await asyncio.gather(*(repository.take(code_hash) for _ in range(10)))
    assert len([found for found in taken if found]) == 1


async def test_a_ticket_beside_the_token_of_another_is_refused_and_stays_usable(
    running: Notifications, member: str
) -> None:
    await running.knows(f"{member}-other")
    ticket = await issued(running, member)
    other = running.headers(f"{member}-other")["Authorization"]
    assert await opened_by(running, ticket, authorization=other) == (422, "ticket_and_token")
    async with running.stream_of_ticket(ticket) as stream:
        await eventually(lambda: listening(running, 1))
        await running.tell(event(member))
        assert (await stream.next())["id:"] == "1"


async def test_a_ticket_is_no_token_for_anything_else(running: Notifications, member: str) -> None:
    ticket = await issued(running, member)
    assert (await running.http.get("/inbox", headers={"authorization": f"Bearer {ticket}"})).status_code == 401
    assert (await running.http.get("/inbox", params={"ticket": ticket})).status_code == 401


async def test_an_expired_ticket_opens_nothing(running: Notifications, member: str) -> None:
    ticket = await issued(running, member)
    past = {"$set": {"expires_at": running.clock.now()}}
    await running.database["stream_tickets"].update_many({}, past)
    assert await opened_by(running, ticket) == (401, "ticket_invalid")


async def test_the_stream_of_a_ticket_ends_with_the_token_that_issued_it(running: Notifications, member: str) -> None:
    ticket = await issued(running, member, lifetime_seconds=2)
    async with running.stream_of_ticket(ticket) as stream:
        assert await stream.rest() == ["event: renew", 'data: {"reason": "token_expired"}']


async def test_the_stream_of_a_ticket_ends_when_the_sign_in_is_taken_off_the_member(
    running: Notifications, member: str
) -> None:
    ticket = await issued(running, member)
    late = await issued(running, member)
    async with running.stream_of_ticket(ticket) as stream:
        await eventually(lambda: listening(running, 1))
        await running.knows(member, signed_in_as=None)
        await running.tell(event(member))
        assert await stream.rest() == ["event: ended", 'data: {"reason": "member_inactive"}']
    assert await opened_by(running, late) == (403, "not_invited")


async def test_only_origins_that_are_set_may_call_from_a_browser(running: Notifications, member: str) -> None:
    asked = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    allowed = await running.http.options("/inbox", headers={"origin": APP, **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, APP)
    assert "access-control-allow-credentials" not in allowed.headers
    other = await running.http.options("/inbox", headers={"origin": "https://evil.example", **asked})
    assert (other.status_code, other.headers.get("access-control-allow-origin")) == (400, None)
    read = await running.http.get("/inbox", headers={**running.headers(member), "origin": APP})
    assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, APP)
    refused = await running.http.get("/inbox", headers={"origin": APP})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, APP), (
        "the script can read why"
    )


async def test_a_token_of_fifteen_kilobytes_is_read_by_the_server(running: Notifications, member: str) -> None:
    groups = {"groups": [f"group-{number:05}" for number in range(820)]}
    token = running.issuer.token(member, institution="north", roles=["member"], claims=groups)
    assert len(token) > 15_000
    answer = await running.http.get("/inbox", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
