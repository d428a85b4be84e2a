"""Mail from an event to a real mail server: what is sent, when it is not, and what a server may do to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import icalendar
import pytest
import recurring_ical_events
from aiosmtpd.smtp import SMTP, Envelope
from pydantic import SecretStr

from deploy.issuer import LocalIssuer
from services.notifications.settings import NotificationsSettings
from shared.contracts.matching import MentorNudged, MentorRequested
from shared.contracts.meetings import MeetingAgreed, MeetingCancelled, MeetingTimes
from shared.contracts.payload import Recipient
from shared.mongo import Document
from tests.component import notifications_kit
from tests.component.mail_server import PASSWORD, USER, MailServer, mail_server, self_signed
from tests.component.notifications_kit import Notifications, event, serving
from tests.eventually import eventually

MAIL = {
    "smtp_host": "127.0.0.1",
    "smtp_security": "none",
    "mail_from": "Preceptor <mentoring@preceptor.example>",
    "web_url": "https://web.example",
    "public_url": "https://notifications.example",
    "unsubscribe_key": SecretStr("a secret of tests that is long enough"),
    "smtp_timeout_seconds": 2,
    "mail_per_minute": 6_000,
}
NEAR = Recipient(member="near", institution="north")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@asynccontextmanager
async def mailing(
    mongo_uri: str, bootstrap: str, issuer: LocalIssuer, server: MailServer, **changed: Any
) -> AsyncIterator[Notifications]:
    wanted = settings(mongo_uri, bootstrap, issuer, server, **changed)
    async with serving(wanted, issuer, "api", "clockwork") as notifications:
        await notifications.knows("mia", name="Mia Mentee")
        await notifications.knows("near", name="Dr Near")
        yield notifications


def settings(
    mongo_uri: str, bootstrap: str, issuer: LocalIssuer, server: MailServer, **changed: Any
) -> NotificationsSettings:
    return notifications_kit.settings(mongo_uri, bootstrap, issuer, **{**MAIL, "smtp_port": server.port, **changed})


@pytest.fixture
async def running(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, server: MailServer
) -> AsyncIterator[Notifications]:
    async with mailing(mongo_uri, kafka_bootstrap, issuer, server) as notifications:
        yield notifications


def asked(request: str = "r", *, mentor: Recipient = NEAR) -> MentorRequested:
    return MentorRequested(
        request=request,
        programme="residency",
        mentee=Recipient(member="mia", institution="north"),
        mentor=mentor,
        expires_at=datetime(2027, 1, 18, tzinfo=UTC),
        recipients=(mentor,),
    )


async def delivery(running: Notifications, member: str = "near") -> Document:
    (found,) = await deliveries(running, member)
    return found


async def deliveries(running: Notifications, member: str = "near") -> Sequence[Document]:
    return await running.database["deliveries"].find({"member": member}).sort("_id", 1).to_list(None)


async def state(running: Notifications, wanted: str, *, member: str = "near") -> None:
    async def reached() -> bool:
        return [each["state"] for each in await deliveries(running, member)] == [wanted]

    await eventually(reached, message=f"the delivery to {member} becomes {wanted}")


async def test_a_request_is_mailed_to_the_mentor_with_one_link_and_a_way_out(
    running: Notifications, server: MailServer
) -> None:
    await running.turn(asked())
    await state(running, "sent")
    (message,) = server.received
    assert (message["From"], message["To"]) == (
        "Preceptor <mentoring@preceptor.example>",
        "Dr Near <near@example.org>",
    )
    assert message["Subject"] == "Mia Mentee would like you to be their mentor"
    assert message["Message-ID"] == f"<{(await delivery(running))['_id']}@preceptor.example>"
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for body in (text, html):
        assert "Mia Mentee would like you to be their mentor" in body
        assert "https://web.example/asks" in body
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"].startswith("<https://notifications.example/unsubscribe/")


async def test_each_decision_about_a_mail_can_be_read_with_its_reason(
    running: Notifications, server: MailServer
) -> None:
    await running.turn(asked())
    await state(running, "sent")
    page = (await running.http.get("/me/deliveries", headers=running.headers("near"))).json()
    (item,) = page["items"]
    assert [(decision["state"], decision["reason"]) for decision in item["decisions"]] == [
        ("planned", "default"),
        ("sending", "claimed"),
        ("sent", "accepted"),
    ]
    assert item["decisions"][0]["text"] == "E-mail like this is sent unless you turn it off."
    assert len(server.received) == 1


async def test_one_click_unsubscribes_from_the_category_without_a_sign_in(
    running: Notifications, server: MailServer
) -> None:
    await running.turn(asked())
    await state(running, "sent")
    path = server.received[0]["List-Unsubscribe"].strip("<>").removeprefix("https://notifications.example")
    seen = await running.http.get(path)
    assert (seen.status_code, "Unsubscribe" in seen.text) == (200, True)
    preferences = "/me/notification-preferences"
    before = (await running.http.get(preferences, headers=running.headers("near"))).json()
    assert before["email"] == {}
    for _ in range(2):
        clicked = await running.http.post(path, data={"List-Unsubscribe": "One-Click"})
        assert clicked.status_code == 200, clicked.text
    after = (await running.http.get(preferences, headers=running.headers("near"))).json()
    assert (after["email"], after["version"]) == ({"requests": "off"}, 1)
    await running.turn(asked("another"))
    await eventually(lambda: _reasons(running, "own_choice"), message="the second mail is suppressed")
    assert len(server.received) == 1


async def _reasons(running: Notifications, wanted: str, *, member: str = "near") -> bool:
    return (await deliveries(running, member))[-1]["decisions"][-1]["reason"] == wanted


async def test_a_changed_list_waits_for_the_digest_and_an_unread_change_updates_it(running: Notifications) -> None:
    await running.tell(event("mia"))
    await running.tell(event("mia", ranked=[("ben", "north")], entered=["ben"]))
    planned = await delivery(running, "mia")
    assert (planned["state"], planned["cadence"], planned["open"]) == ("deferred", "daily", True)
    assert planned["next_at"] > running.clock.now()


@pytest.mark.parametrize(
    ("answer", "state_", "reason"),
    [
        ("451 4.7.1 come back later", "deferred", "server_busy"),
        ("550 5.1.1 no such person", "failed", "recipient_refused"),
        ("554 5.7.1 not from you", "failed", "message_refused"),
    ],
)
async def test_a_refused_recipient_is_retried_or_failed_by_the_servers_answer(
    running: Notifications, server: MailServer, answer: str, state_: str, reason: str
) -> None:
    server.answers["near@example.org"] = answer
    await running.turn(asked())
    await eventually(lambda: _reasons(running, reason), message=reason)
    assert (await delivery(running))["state"] == state_


async def test_after_two_permanent_refusals_an_address_gets_no_mail_any_more(
    running: Notifications, server: MailServer
) -> None:
    server.answers["near@example.org"] = "550 5.1.1 no such person"
    for request in ("one", "two"):
        await running.turn(asked(request))
        await eventually(lambda: _reasons(running, "recipient_refused"), message="refused")
    await running.turn(asked("three"))
    await eventually(lambda: _reasons(running, "bounced"), message="suppressed")
    assert server.attempts == 2
    await running.knows("near", name="Dr Near", email="new@example.org")
    await running.turn(asked("four"))
    await eventually(lambda: bool(server.to("new@example.org")), message="another address gets mail again")


async def test_a_connection_that_breaks_in_the_middle_of_a_mail_is_tried_again(
    running: Notifications, server: MailServer
) -> None:
    def close(smtp: SMTP, _envelope: Envelope) -> str | None:
        assert smtp.transport is not None
        smtp.transport.abort()
        return "421 gone"

    server.data = close
    await running.turn(asked())
    await eventually(lambda: _reasons(running, "interrupted"), message="interrupted")
    server.data = lambda _server, _envelope: None
    await running.database["deliveries"].update_many({}, {"$set": {"next_at": running.clock.now()}})
    await state(running, "sent")
    assert len(server.received) == 1


async def test_a_name_with_line_breaks_adds_no_header(running: Notifications, server: MailServer) -> None:
    name = "Mia\r\nBcc: everybody@example.org\r\n\r\n<script>alert(1)</script>"
    await running.knows("mia", name=name)
    await running.turn(asked())
    await state(running, "sent")
    (message,) = server.received
    assert message["Bcc"] is None
    assert "Bcc: everybody@example.org" in message["Subject"]
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


async def test_a_connection_that_was_closed_while_idle_delays_no_mail(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with (
        closing_server() as (port, connections),
        mailing(mongo_uri, kafka_bootstrap, issuer, MailServer(port)) as running,
    ):
        for request in ("a", "b"):
            await running.turn(asked(request))
            await eventually(partial(_sent, running, request), message=f"{request} is sent")
        assert [each["attempts"] for each in await deliveries(running)] == [0, 0]
        assert len(connections) == 2


async def _sent(running: Notifications, request: str) -> bool:
    found = await deliveries(running)
    return any(request in each["occasion"].split(":") and each["state"] == "sent" for each in found)


@asynccontextmanager
async def closing_server() -> AsyncIterator[tuple[int, list[object]]]:
    """Takes one mail over each connection, and then closes it."""
    connections: list[object] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.write(b"220 hello\r\n")
        while not (await reader.readline()).startswith(b"DATA"):
            writer.write(b"250 OK\r\n")
        writer.write(b"354 go on\r\n")
        while await reader.readline() != b".\r\n":
            pass
        writer.write(b"250 taken\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


async def test_mail_waits_while_the_server_is_away_and_goes_out_when_it_is_back(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    with mail_server() as gone:
        pass
    async with mailing(mongo_uri, kafka_bootstrap, issuer, gone) as running:
        await running.turn(asked())
        await eventually(lambda: _reasons(running, "server_unavailable"), message="the server cannot be reached")
        assert (await delivery(running))["attempts"] == 0


async def test_starttls_and_a_sign_in_are_used_where_they_are_set(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path)
    with mail_server(certificate=certificate, signs_in=True) as server:
        secured = {
            "smtp_security": "starttls",
            "smtp_ca_file": certificate,
            "smtp_username": USER,
            "smtp_password": SecretStr(PASSWORD),
        }
        async with mailing(mongo_uri, kafka_bootstrap, issuer, server, **secured) as running:
            await running.turn(asked())
            await state(running, "sent")


@pytest.mark.parametrize("wrong", ["no STARTTLS", "unknown authority", "wrong password"])
async def test_no_mail_goes_out_in_the_clear_or_to_a_server_that_is_not_trusted(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path, wrong: str
) -> None:
    certificate = self_signed(tmp_path)
    options: dict[str, Any] = {} if wrong == "no STARTTLS" else {"certificate": certificate, "signs_in": True}
    with mail_server(**options) as server:
        secured = {
            "smtp_security": "starttls",
            "smtp_ca_file": None if wrong == "unknown authority" else certificate,
            "smtp_username": USER,
            "smtp_password": SecretStr("another" if wrong == "wrong password" else PASSWORD),
        }
        async with mailing(mongo_uri, kafka_bootstrap, issuer, server, **secured) as running:
            await running.turn(asked())
            await eventually(lambda: _reasons(running, "server_unavailable"), message="refused")
        assert server.received == []


@pytest.mark.parametrize(("hangs_at", "reason"), [("greeting", "server_unavailable"), ("content", "interrupted")])
async def test_a_server_that_hangs_holds_up_a_mail_for_a_limited_time(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, hangs_at: str, reason: str
) -> None:
    async with hanging_server(hangs_at) as port:
        server = MailServer(port)
        async with mailing(mongo_uri, kafka_bootstrap, issuer, server, smtp_timeout_seconds=0.5) as running:
            await running.turn(asked())
            await eventually(lambda: _reasons(running, reason), message=reason)
            assert (await delivery(running))["state"] == "deferred"


@asynccontextmanager
async def hanging_server(hangs_at: str) -> AsyncIterator[int]:
    """Answers until `hangs_at`, and then nothing more."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if hangs_at == "content":
            writer.write(b"220 hello\r\n")
            while not (await reader.readline()).startswith(b"DATA"):
                writer.write(b"250 OK\r\n")
            writer.write(b"354 go on\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_digest_is_one_mail_with_what_is_unread(running: Notifications, server: MailServer) -> None:
    for programme in ("one", "two", "three"):
        await running.tell(event("mia", programme=programme))
    first, *_ = (await running.inbox("mia"))["items"]
    await running.http.post(f"/inbox/{first['id']}/read", headers=running.headers("mia"))
    await running.database["deliveries"].update_many({}, {"$set": {"next_at": running.clock.now()}})
    await eventually(lambda: _settled(running, "mia"), message="the digest is sent")
    (message,) = server.received
    assert message["Subject"].startswith("2 updates: ")
    assert sorted(each["state"] for each in await deliveries(running, "mia")) == ["sent", "sent", "suppressed"]


async def _settled(running: Notifications, member: str) -> bool:
    return all(not each["waiting"] for each in await deliveries(running, member))


async def test_a_second_mail_about_a_request_waits_and_belongs_to_the_first(
    running: Notifications, server: MailServer
) -> None:
    await running.turn(asked())
    await state(running, "sent")
    nudged = MentorNudged(nudge=1, **asked().model_dump())
    await running.turn(nudged)
    await eventually(lambda: _reasons(running, "one_mail_a_day"), message="the second mail waits")
    yesterday = running.clock.now() - timedelta(days=1)
    await running.database["mail_matters"].update_many({}, {"$set": {"last_at": yesterday}})
    await running.database["deliveries"].update_many({"open": True}, {"$set": {"next_at": running.clock.now()}})
    await eventually(lambda: len(server.received) == 2, message="the second mail is sent")
    first, second = server.received
    assert second["References"] == second["In-Reply-To"] == first["Message-ID"]


async def test_agreed_meetings_enter_the_calendar_by_mail_and_a_cancellation_takes_them_out(
    running: Notifications, server: MailServer
) -> None:
    """Read by two parsers: the standard library's mail and icalendar, and recurring-ical-events."""
    times = MeetingTimes(
        sequence=1, starts="2027-01-08T17:00", zone="Europe/Berlin", minutes=45, rule="FREQ=MONTHLY;BYDAY=1FR"
    )
    pair = {"mentee": Recipient(member="mia", institution="north"), "mentor": NEAR}
    about = {"series": "s1", "mentorship": "m1", "programme": "residency", "recipients": (NEAR,), **pair}
    await running.turn(MeetingAgreed(starts_at=datetime(2027, 1, 8, 16, tzinfo=UTC), times=times, **about))
    await eventually(lambda: len(server.received) == 1, message="the invitation is mailed")
    moved = times.model_copy(update={"sequence": 2, "changes": {"2027-02-05T17:00": "2027-02-08T09:00"}})
    await running.turn(MeetingCancelled(reason="mentorship_ended", times=moved, **about))
    await eventually(lambda: _reasons(running, "just_mailed"), message="the second mail waits")
    earlier = running.clock.now() - timedelta(hours=1)
    await running.database["mail_matters"].update_many({}, {"$set": {"last_at": earlier}})
    await running.database["deliveries"].update_many({"open": True}, {"$set": {"next_at": running.clock.now()}})
    await eventually(lambda: len(server.received) == 2, message="the cancellation is mailed")

    found = []
    for message in server.received:
        [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
        calendar = icalendar.Calendar.from_ical(part.get_payload(decode=True))
        assert str(calendar["method"]) == part.get_param("method")
        found.append(calendar)
        event = calendar.walk("VEVENT")[0]
        assert (str(event["uid"]), str(event["attendee"])) == ("s1@preceptor", "mailto:near@example.org")
        assert str(event["organizer"]) == "mailto:mentoring@preceptor.example"
        assert "location" not in event
    invitation, cancellation = found
    assert [str(each["method"]) for each in found] == ["REQUEST", "CANCEL"]
    assert [each.walk("VEVENT")[0]["sequence"] for each in found] == [1, 2]
    assert cancellation.walk("VEVENT")[1]["recurrence-id"].dt.day == 5
    [first, *_] = recurring_ical_events.of(invitation).between((2027, 7, 1), (2027, 7, 31))
    assert first["dtstart"].dt.astimezone(UTC) == datetime(2027, 7, 2, 15, tzinfo=UTC)
