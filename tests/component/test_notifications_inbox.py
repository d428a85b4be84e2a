"""The inbox over HTTP on a real database: what is kept, who sees it, and in which words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.notifications.inbox.repository.inbox import MongoInboxRepository
from services.notifications.notifying.handlers import Reactions
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import Notifier
from shared import mongo
from shared.contracts.payload import Recipient
from shared.contracts.profiles import (
    ContactChanged,
    ErasureRequested,
    ErasureWithdrawn,
    InstitutionChanged,
    ProgrammeChanged,
)
from shared.errors import Rejected
from tests.component.notifications_kit import Notifications, event, sharing


@pytest.fixture(scope="module")
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    async with sharing(mongo_uri, kafka_bootstrap, issuer) as notifications:
        south = InstitutionChanged(institution="south", name="South Hospital", status="active")
        await notifications.contacts.fold_institutions([notifications.received(south, "south")])
        residency = ProgrammeChanged(
            programme="residency", institution="north", name="Residency", status="active", admits=("north",), weights={}
        )
        await notifications.contacts.fold_programmes([notifications.received(residency, "north")])
        yield notifications


@pytest.fixture
async def member(running: Notifications) -> str:
    """Somebody new whom notifications knows."""
    name = f"m-{running.clock.new_id()}"
    await running.knows(name)
    return name


async def test_an_event_becomes_one_unread_notification_with_its_outbox_row(
    running: Notifications, member: str
) -> None:
    await running.tell(event(member))
    page = await running.inbox(member)
    assert (page["unread"], page["position"], page["next"], len(page["items"])) == (1, 1, None, 1)
    rows = await running.database["outbox"].find({"key": f"north:{page['items'][0]['id']}"}).to_list(None)
    assert [(row["topic"], row["sequence"]) for row in rows] == [("notifications.events", 1)]


async def test_an_event_of_the_same_occasion_updates_the_unread_notification(
    running: Notifications, member: str
) -> None:
    await running.tell(event(member, programme="other"))
    await running.tell(event(member))
    await running.tell(event(member, programme="other", ranked=[("ben", "north")], entered=["ben"], left=("ada",)))
    page = await running.inbox(member)
    assert [(item["programme"], item["position"]) for item in page["items"]] == [("other", 3), ("residency", 2)]
    assert page["unread"] == 2


async def test_a_read_notification_stays_and_a_new_one_is_created(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    first = (await running.inbox(member))["items"][0]
    read = await running.http.post(f"/inbox/{first['id']}/read", headers=running.headers(member))
    assert (read.status_code, read.json()["read"]) == (200, True)
    await running.tell(event(member))
    page = await running.inbox(member)
    assert [item["read"] for item in page["items"]] == [False, True]
    assert page["items"][1] == read.json()


async def test_reading_twice_keeps_the_first_time(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    address = f"/inbox/{(await running.inbox(member))['items'][0]['id']}/read"
    first = await running.http.post(address, headers=running.headers(member))
    again = await running.http.post(address, headers=running.headers(member))
    assert again.json() == first.json()


async def test_unread_only_leaves_out_what_was_read(running: Notifications, member: str) -> None:
    await running.tell(event(member, programme="one"))
    await running.tell(event(member, programme="two"))
    await running.http.post("/inbox/read", json={"up_to": 1}, headers=running.headers(member))
    page = await running.inbox(member, unread="true")
    assert [item["programme"] for item in page["items"]] == ["two"]


async def test_reading_up_to_a_position_leaves_later_ones_unread(running: Notifications, member: str) -> None:
    for programme in ("one", "two", "three"):
        await running.tell(event(member, programme=programme))
    marked = await running.http.post("/inbox/read", json={"up_to": 2}, headers=running.headers(member))
    assert marked.json() == {"marked": 2, "unread": 1}


async def test_pages_have_no_gap_and_no_repetition(running: Notifications, member: str) -> None:
    for number in range(5):
        await running.tell(event(member, programme=f"p{number}"))
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await running.inbox(member, limit=2, **cursor)
        seen += [item["programme"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == ["p4", "p3", "p2", "p1", "p0"]


async def test_several_recipients_of_one_event_each_get_theirs(running: Notifications, member: str) -> None:
    other = f"{member}-other"
    await running.knows(other)
    await running.tell(event(member, recipients=[(member, "north"), (other, "north")]))
    assert [(await running.inbox(who))["unread"] for who in (member, other)] == [1, 1]


async def test_a_missing_contact_delays_no_notification_and_its_name_appears_later(
    running: Notifications, member: str
) -> None:
    late = f"late-{running.clock.new_id()}"
    both = [(late, "north"), (member, "north")]
    await running.tell(event(member, ranked=[(late, "north")], entered=[late], recipients=both))
    assert "a mentor" in (await running.inbox(member))["items"][0]["body"]
    await running.knows(late, name="Dr Late")
    assert "Dr Late" in (await running.inbox(member))["items"][0]["body"]
    assert (await running.inbox(late))["unread"] == 1


async def test_own_mentors_are_named_and_others_are_known_by_their_institution(
    running: Notifications, member: str
) -> None:
    await running.knows("ada", name="Dr Ada")
    await running.knows("far", institution="south", name="Dr Far")
    await running.tell(event(member, ranked=[("ada", "north"), ("far", "south")], entered=["ada", "far"]))
    item = (await running.inbox(member))["items"][0]
    assert "New: Dr Ada, a mentor at South Hospital." in item["body"]
    assert "Far" not in str(item)


async def test_a_fact_that_moves_a_member_to_another_institution_is_refused(
    running: Notifications, member: str
) -> None:
    await running.knows("far", institution="south", name="Dr Far")
    with pytest.raises(Rejected, match="not theirs"):
        await running.tell(event(member, ranked=[("far", "north")], entered=["far"]))
    with pytest.raises(Rejected, match="not theirs"):
        await running.tell(event(member, ranked=[("far", "south")], entered=["far"], recipients=[("far", "north")]))


async def test_a_mentor_of_another_institution_claimed_as_own_is_not_named(running: Notifications, member: str) -> None:
    """The name is looked up within the reader's institution: a wrong event cannot make it leak."""
    await running.tell(event(member, ranked=[("stray", "north")], entered=["stray"]))
    await running.knows("stray", institution="south", name="Dr Far")
    assert "Far" not in str(await running.inbox(member))


async def test_a_notification_is_in_the_readers_language(running: Notifications) -> None:
    await running.knows("greta", locale="de-CH")
    await running.tell(event("greta", ranked=(), entered=(), unmatched="paused"))
    item = (await running.inbox("greta"))["items"][0]
    assert item["title"] == "Zurzeit können wir Ihnen in Residency niemanden vorschlagen"
    assert "pausiert" in item["body"]


async def test_a_member_reads_that_a_coordinator_asked_for_their_erasure_and_withdrew_that(
    running: Notifications, member: str
) -> None:
    async def notified(event: ErasureRequested | ErasureWithdrawn) -> dict[str, Any]:
        received = running.received(event, "north")
        reactions = Reactions(Notifier(running.clock), MongoNotificationRepository)
        await mongo.in_transaction(running.database, lambda transaction: reactions.on_event(received, transaction))
        [item] = (await running.inbox(member))["items"]
        assert item["programme"] == ""
        return dict(item)

    about = {"erasure": "e1", "member": member, "institution": "north"}
    recipients = (Recipient(member=member, institution="north"),)
    due_at = datetime(2027, 3, 4, tzinfo=UTC)
    item = await notified(ErasureRequested(**about, due_at=due_at, recipients=recipients))
    assert (item["template"], "4 March 2027" in item["body"]) == ("erasure-requested", True)
    await running.database["notifications"].update_one({"member": member}, {"$unset": {"erasure.template": ""}})
    [earlier] = (await running.inbox(member))["items"]
    assert earlier == item, "as an earlier version stored it"
    item = await notified(ErasureWithdrawn(**about, recipients=recipients))
    assert (item["template"], item["title"]) == ("erasure-withdrawn", "Your profile will not be erased")


async def test_no_member_reads_or_marks_anothers_notification(running: Notifications, member: str) -> None:
    neighbour, stranger = f"{member}-n", f"{member}-s"
    await running.knows(neighbour)
    await running.knows(stranger, institution="south")
    await running.tell(event(member))
    notification = (await running.inbox(member))["items"][0]
    for who, institution in ((neighbour, "north"), (stranger, "south")):
        headers = running.headers(who, institution=institution)
        assert (await running.http.get("/inbox", headers=headers)).json()["items"] == []
        theirs = await running.http.post(f"/inbox/{notification['id']}/read", headers=headers)
        unknown = await running.http.post("/inbox/no-such/read", headers=running.headers(who, institution=institution))
        assert (theirs.status_code, theirs.json()) == (404, unknown.json())
        everything = running.headers(who, institution=institution)
        await running.http.post("/inbox/read", json={"up_to": 2**53 - 1}, headers=everything)
    assert (await running.inbox(member))["unread"] == 1


async def test_the_same_sign_in_in_another_institution_is_another_person(running: Notifications) -> None:
    """A member's id is no secret and may be equal in two institutions: the tenant decides."""
    await running.knows("twin")
    await running.tell(event("twin"))
    answer = await running.http.get("/inbox", headers=running.headers("twin", institution="south"))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:preceptor:problem:not_invited")


async def test_an_unknown_sign_in_is_advised_to_accept_an_invitation(running: Notifications) -> None:
    answer = await running.http.get("/inbox", headers=running.headers("nobody"))
    assert answer.status_code == 403
    assert "accept your invitation first" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        (("coordinator",), "role_required"),
        (("operator",), "role_required"),
        (("integrator",), "role_required"),
        ((), "role_unknown"),
    ],
)
async def test_an_inbox_is_for_members(running: Notifications, member: str, roles: tuple[str, ...], code: str) -> None:
    await running.tell(event(member))
    answer = await running.http.get("/inbox", headers=running.headers(member, roles=roles))
    assert (answer.status_code, answer.json()["type"]) == (403, f"urn:preceptor:problem:{code}")


async def test_no_token_is_401_everywhere(running: Notifications) -> None:
    for method, path in (
        ("GET", "/inbox"),
        ("GET", "/inbox/stream"),
        ("POST", "/inbox/read"),
        ("POST", "/inbox/x/read"),
    ):
        answer = await running.http.request(method, path, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), path


@pytest.mark.parametrize("cursor", ["x", "Ii0xIg", "LTE", "dHJ1ZQ", "WzFd", "é"])
async def test_a_forged_inbox_cursor_is_refused(running: Notifications, member: str, cursor: str) -> None:
    answer = await running.http.get("/inbox", params={"cursor": cursor}, headers=running.headers(member))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:preceptor:problem:cursor_malformed")


@pytest.mark.parametrize("body", [{}, {"up_to": -1}, {"up_to": "all"}, {"up_to": 2**70}, [], None])
async def test_a_body_of_the_wrong_type_marks_nothing(running: Notifications, member: str, body: Any) -> None:
    await running.tell(event(member))
    answer = await running.http.post("/inbox/read", json=body, headers=running.headers(member))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (await running.inbox(member))["unread"] == 1


async def test_an_erased_person_leaves_no_inbox_and_no_sign_in(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    await running.erasures.fold_contacts([running.erased(ContactChanged, "north", member)])
    answer = await running.http.get("/inbox", headers=running.headers(member))
    assert answer.status_code == 403
    assert await running.database["notifications"].count_documents({"member": member}) == 0
    assert await running.database["recipients"].count_documents({"_id": f"north:{member}"}) == 0


async def test_metrics_name_no_person_and_no_institution(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    item = (await running.inbox(member))["items"][0]
    await running.http.post(f"/inbox/{item['id']}/read", headers=running.headers(member))
    exported = (await running.http.get("/metrics")).text
    assert "/inbox/{notification}/read" in exported
    assert member not in exported
    assert item["id"] not in exported
    assert "north" not in exported


async def test_notifying_a_recipient_takes_no_more_than_its_writes(running: Notifications, member: str) -> None:
    """The inbox mark is the fourth. Seen by the server itself: this is the path that every rematch takes."""
    await running.database.command("profile", 2)
    try:
        await running.tell(event(member))
    finally:
        await running.database.command("profile", 0)
    writes = {"insert", "update", "delete", "findandmodify"}
    asked = [next(iter(operation["command"])).lower() async for operation in running.database["system.profile"].find()]
    assert sorted(name for name in asked if name in writes) == ["findandmodify", "findandmodify", "insert"]


async def test_retention_counts_from_reading_and_unread_notifications_stay(running: Notifications, member: str) -> None:
    await running.tell(event(member))
    first = (await running.inbox(member))["items"][0]
    await running.http.post(f"/inbox/{first['id']}/read", headers=running.headers(member))
    await running.tell(event(member))
    kept = await running.database["notifications"].find({"member": member}).sort("position", 1).to_list(None)
    assert [isinstance(notification.get("read_at"), datetime) for notification in kept] == [True, False]


async def test_a_changed_retention_applies_from_the_next_start(running: Notifications) -> None:
    for days in (30, 30, 365):
        await MongoInboxRepository(running.database).prepare(read_kept=timedelta(days=days))
        indexes = await running.database["notifications"].index_information()
        assert indexes["kept_by_read_at"]["expireAfterSeconds"] == days * 24 * 3600
