"""What notifications forgets of an erased member, its receipt, and what it exports of one who is there."""

import json
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from services.notifications.deliveries.domain.deliveries import Decision
from services.notifications.deliveries.domain.outcomes import after_report
from services.notifications.deliveries.repository.deliveries import MongoDeliveryRepository
from services.notifications.deliveries.repository.queue import MongoDeliveryQueue
from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.domain.choices import Preferences
from services.notifications.preferences.repository import MongoPreferencesRepository
from services.notifications.preferences.usecases import PreferencesUseCases
from services.notifications.projections.repository import MongoContactRepository
from services.notifications.projections.usecases import Readers
from services.notifications.wording import Wording
from shared.contracts.profiles import MemberErased
from shared.errors import NotFound
from shared.mongo import Document
from tests.component.notifications_kit import Notifications, event, sharing


@pytest.fixture(scope="module")
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    async with sharing(mongo_uri, kafka_bootstrap, issuer) as notifications:
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


async def kept(running: Notifications, member: str) -> dict[str, int]:
    """How many documents of the member each collection has, of those that have any."""
    counts = {"recipients": await running.database["recipients"].count_documents({"_id": f"north:{member}"})}
    for collection in await running.database.list_collection_names():
        if collection not in {"recipients", "erasures", "outbox"}:
            counts[collection] = await running.database[collection].count_documents({"member": member})
    return {collection: count for collection, count in counts.items() if count and collection != "contacts"}


async def has_mail_and_preferences(running: Notifications, member: str) -> None:
    headers = running.headers(member) | {"If-Match": '"0"'}
    changed = await running.http.put("/me/notification-preferences", headers=headers, json={"email_otherwise": "off"})
    assert changed.status_code == 200, changed.text
    integrator = running.headers("mail", roles=["integrator"])
    report = {"reports": [{"kind": "complaint", "address": f"{member}@example.org"}]}
    assert (await running.http.post("/mail-reports", headers=integrator, json=report)).is_success
    sent = {"_id": f"north:{member}:m", "institution": "north", "member": member, "last_at": running.clock.now()}
    await running.database["mail_matters"].insert_one(sent)


async def test_everything_of_a_member_is_gone_and_one_receipt_says_so(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    await has_mail_and_preferences(running, member)
    held = ("notifications", "recipients", "deliveries", "preferences", "suppressions", "mail_matters")
    assert await kept(running, member) == dict.fromkeys(held, 1)
    for _ in range(2):
        await erase(running, member)
    assert await kept(running, member) == {}
    contact = await running.database["contacts"].find_one({"_id": member})
    assert contact is not None
    assert set(contact) == {"_id", "institution", "sequence", "erased", "event", "correlation"}
    [receipt] = await receipts(running, member)
    assert receipt["headers"]["ce_type"] == "org.preceptor.notifications.erasure.completed.v1"
    assert json.loads(receipt["value"]) == {"erasure": f"e-{member}", "member": member, "institution": "north"}


async def test_nothing_about_an_erased_member_is_stored_by_what_had_begun_before(
    running: Notifications, member: str
) -> None:
    """A link in an old mail, a change of preferences, a bounce, and a mail that was just sent."""
    await running.tell(event(member))
    recipient = Recipient(institution="north", member=member)
    preferences = MongoPreferencesRepository(running.database)
    suppression = after_report("bounce", address_digest="d", now=running.clock.now())
    (planned,) = await MongoDeliveryRepository(running.database).newest(recipient, before=None, limit=1)
    sent = planned.decided(Decision(at=running.clock.now(), state="sent", reason="accepted"))
    await erase(running, member)
    await PreferencesUseCases(preferences, Readers(MongoContactRepository(running.database))).unsubscribe(
        recipient, "requests"
    )
    with pytest.raises(NotFound):
        await preferences.save_preferences(recipient, Preferences(), version=0)
    await MongoDeliveryRepository(running.database).suppress([(recipient, suppression)])
    await MongoDeliveryQueue(running.database, Wording()).record([sent], result="accepted")
    assert await kept(running, member) == {}


async def test_an_erased_member_is_not_notified_nor_restored_by_an_old_record(
    running: Notifications, member: str
) -> None:
    await erase(running, member)
    await running.knows(member)
    await running.tell(event(member))
    assert await kept(running, member) == {}
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
    assert [item["state"] for item in exported["deliveries"]] == ["suppressed", "suppressed"]
    assert exported["preferences"]["email_otherwise"] is None
    assert exported["suppression"] is None
    refused = await running.http.get("/me/export", headers=running.headers("nobody"))
    assert refused.status_code == 403
