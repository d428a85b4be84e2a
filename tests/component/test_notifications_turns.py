"""Notifications of requests and relationships on a real MongoDB: names across institutions after acceptance only."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import Notifier
from shared import mongo
from shared.contracts.envelope import Trace
from shared.contracts.matching import (
    MenteeUnmatched,
    MentorNudged,
    MentorRequested,
    RelationshipClosed,
    RequestAccepted,
    RequestDeclined,
    RequestExpired,
    RequestWithdrawn,
)
from shared.contracts.payload import Recipient
from shared.contracts.profiles import ContactChanged, InstitutionChanged
from shared.mongo import Transaction
from tests.component.notifications_kit import Notifications, sharing


@pytest.fixture
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    async with sharing(mongo_uri, kafka_bootstrap, issuer) as notifications:
        for institution in ("north", "south"):
            known = InstitutionChanged(institution=institution, name=institution.title(), status="active")
            await notifications.contacts.fold_institutions([notifications.received(known, institution)])
        await notifications.knows("mia", name="Mia Mentee")
        await notifications.knows("near", name="Dr Near")
        await notifications.knows("far", institution="south", name="Dr Far", locale="de")
        yield notifications


MIA = Recipient(member="mia", institution="north")
NEAR, FAR = Recipient(member="near", institution="north"), Recipient(member="far", institution="south")


def about(mentor: Recipient, *recipients: Recipient) -> dict[str, Any]:
    return {"request": "r", "programme": "residency", "mentee": MIA, "mentor": mentor, "recipients": recipients}


def made(mentor: Recipient) -> MentorRequested:
    return MentorRequested(expires_at=datetime(2027, 1, 18, tzinfo=UTC), **about(mentor, mentor))


async def titles(running: Notifications, member: str, institution: str = "north") -> list[str]:
    return [item["title"] for item in (await running.inbox(member, institution=institution))["items"]]


async def test_the_mentor_is_notified_of_a_request_and_the_mentee_of_the_answer(running: Notifications) -> None:
    await running.turn(made(NEAR))
    await running.turn(RequestDeclined(reason="no_time", **about(NEAR, MIA)))
    assert await titles(running, "near") == ["Mia Mentee would like you to be their mentor"]
    assert await titles(running, "mia") == ["Dr Near has declined your request"]


async def test_an_unread_request_that_waits_long_comes_up_again_in_its_place(running: Notifications) -> None:
    await running.turn(made(NEAR))
    nudged = MentorNudged(nudge=1, expires_at=datetime(2027, 1, 18, tzinfo=UTC), **about(NEAR, NEAR))
    await running.turn(nudged)
    page = await running.inbox("near")
    assert [(item["title"], item["position"]) for item in page["items"]] == [
        ("Mia Mentee is still waiting for your answer", 2)
    ]


async def test_across_institutions_names_come_with_the_yes_and_go_with_an_erasure(running: Notifications) -> None:
    await running.turn(made(FAR))
    await running.turn(RequestExpired(**about(FAR, MIA)))
    assert await titles(running, "far", "south") == ["Jemand von North möchte von Ihnen begleitet werden"]
    assert await titles(running, "mia") == ["Your request to a mentor at South was not answered in time"]
    await running.turn(RequestAccepted(relationship="s", **about(FAR, MIA)))
    assert await titles(running, "mia") == ["Dr Far has accepted your request"]
    await running.erasures.fold_contacts([running.erased(ContactChanged, "south", "far")])
    assert await titles(running, "mia") == ["A mentor at South has accepted your request"]


async def test_a_withdrawal_replaces_the_unread_notification_of_its_request(running: Notifications) -> None:
    await running.turn(made(NEAR))
    await running.turn(RequestWithdrawn(reason="by_mentee", **about(NEAR, NEAR)))
    page = await running.inbox("near")
    assert [(item["title"], item["position"]) for item in page["items"]] == [
        ("You no longer need to answer the request from Mia Mentee", 2)
    ]


async def test_the_other_person_is_notified_of_a_closing(running: Notifications) -> None:
    pair = {"relationship": "s", "programme": "residency", "mentee": MIA, "mentor": FAR, "recipients": (FAR,)}
    await running.turn(RelationshipClosed(reason="goals_reached", **pair))
    assert await titles(running, "far", "south") == ["Ihr Mentoring mit Mia Mentee ist beendet"]
    assert (await running.inbox("mia"))["items"] == []


async def test_an_unmatched_mentee_is_notified_in_their_inbox(running: Notifications) -> None:
    event = MenteeUnmatched(
        place="e.1", round="e", programme="residency", mentee=MIA, reason="outranked", recipients=(MIA,)
    )

    def body(transaction: Transaction) -> None:
        Notifier(running.clock).notify(
            [(event, Trace(correlation_id="test"))], MongoNotificationRepository(transaction)
        )

    await mongo.in_transaction(running.database, body)
    assert await titles(running, "mia") == ["The matching round has not found a mentor for you yet"]
