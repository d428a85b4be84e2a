"""What notifications forgets of an erased member, its receipt, and what it exports of one who is there."""

import json
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.profiles import MemberErased
from shared.mongo import Document
from tests.component.notifications_kit import Notifications, event, serving, settings


@pytest.fixture(scope="module")
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    async with serving(settings(mongo_uri, kafka_bootstrap, issuer), issuer, "api") as notifications:
        yield notifications


@pytest.fixture
async def member(running: Notifications) -> str:
    name = f"m-{running.clock.new_id()}"
    await running.knows(name)
    return name


async def erase(running: Notifications, member: str) -> None:
    erased = MemberErased(
        member=member,
        institution="north",
        erasure=f"e-{member}",
        members_sequence=10**6,
        preferences_sequence=10**6,
        contacts_sequence=10**6,
    )
    received = running.received(erased, "north")
    await running.erasures.fold_erasures([received], now=running.clock.now())


async def receipts(running: Notifications, member: str) -> list[Document]:
    return await running.database["outbox"].find({"key": f"north:e-{member}"}).to_list(None)


async def kept(running: Notifications, member: str) -> list[int]:
    return [
        await running.database["notifications"].count_documents({"member": member}),
        await running.database["recipients"].count_documents({"_id": f"north:{member}"}),
    ]


async def test_an_erasure_deletes_contact_inbox_and_counter_and_gives_a_receipt(
    running: Notifications, member: str
) -> None:
    await running.tell(event(member))
    assert await kept(running, member) == [1, 1]
    for _ in range(2):
        await erase(running, member)
    assert await kept(running, member) == [0, 0]
    contact = await running.database["contacts"].find_one({"_id": member})
    assert contact is not None
    assert set(contact) == {"_id", "institution", "sequence", "erased", "event", "correlation"}
    [receipt] = await receipts(running, member)
    assert receipt["headers"]["ce_type"] == "org.preceptor.notifications.erasure.completed.v1"
    assert json.loads(receipt["value"]) == {"erasure": f"e-{member}", "member": member, "institution": "north"}


async def test_an_erased_member_is_not_notified_nor_restored_by_an_old_record(
    running: Notifications, member: str
) -> None:
    await erase(running, member)
    await running.knows(member)
    await running.tell(event(member))
    assert await kept(running, member) == [0, 0]
    assert await running.database["contacts"].count_documents({"_id": member, "erased": True}) == 1
    answer = await running.http.get("/inbox", headers=running.headers(member))
    assert answer.status_code == 403


async def test_a_member_exports_contact_and_inbox_even_while_inactive(running: Notifications, member: str) -> None:
    for programme in ("one", "two"):
        await running.tell(event(member, programme=programme))
    await running.knows(member, status="inactive")
    exported = (await running.http.get("/me/export", headers=running.headers(member))).json()
    assert exported["contact"]["email"] == f"{member}@example.org"
    assert [item["programme"] for item in exported["inbox"]] == ["one", "two"]
    assert exported["position"] == 2
    refused = await running.http.get("/me/export", headers=running.headers("nobody"))
    assert refused.status_code == 403
