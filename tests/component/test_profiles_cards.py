"""Cards over HTTP: matching's facts say who is whose; nobody sees more than their relation allows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.issuer import LocalIssuer
from services.profiles.cards.repository import MongoRelationRepository
from shared import kafka
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, Received, Trace, headers_of
from shared.contracts.matching import (
    MentorRequested,
    Ranked,
    RelationshipClosed,
    RelationshipOpened,
    RequestAccepted,
    RequestDeclined,
    SuggestionsChanged,
)
from shared.contracts.payload import Payload, Recipient
from tests.component.conftest import begin_here
from tests.component.profiles_kit import Json, Network, Person, running
from tests.eventually import eventually

NOW = datetime(2026, 11, 2, tzinfo=UTC)
FREE = {"story": "Once I failed.", "story_shown_to": "suggested", "pronouns": "she/her", "shares_email": True}


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


class Cast:
    """Ana, a mentee of north; Mara of north and Sue of south, mentors; and what matching says of them."""

    def __init__(self, network: Network, here: str) -> None:
        self.network = network
        self.north, self.south = f"{here}-n", f"{here}-s"
        self.people: dict[str, Person] = {}
        self.ids: dict[str, str] = {}
        self.homes: dict[str, str] = {}
        self.relations = MongoRelationRepository(network.database)
        self.sequence = 0

    async def join(self) -> "Cast":
        for institution, names in ((self.north, ("ana", "mara", "ned")), (self.south, ("sue",))):
            coordinator = await self.network.institution(institution)
            for name in names:
                person, seen = await self.network.bound(
                    coordinator, institution, name, stage="attending", principles="Listen."
                )
                changed = await person.patch("/me", FREE, version=seen["version"])
                assert changed.status_code == 200, changed.text
                self.people[name], self.ids[name], self.homes[name] = person, seen["id"], institution
        return self

    def party(self, name: str) -> Recipient:
        return Recipient(member=self.ids[name], institution=self.homes[name])

    def pair(self, mentee: str, mentor: str) -> dict[str, Any]:
        return {"programme": "care", "mentee": self.party(mentee), "mentor": self.party(mentor)}

    def listed(self, mentee: str, *mentors: str) -> SuggestionsChanged:
        ranked = [
            Ranked(mentor=self.ids[mentor], institution=self.homes[mentor], rank=rank)
            for rank, mentor in enumerate(mentors, 1)
        ]
        return SuggestionsChanged(
            enrolment=f"care.{self.ids[mentee]}",
            programme="care",
            mentee=self.ids[mentee],
            institution=self.homes[mentee],
            version=1,
            ranked=tuple(ranked),
            cause="own_change",
        )

    def received(self, payload: Payload) -> Received:
        self.sequence += 1
        envelope = Envelope(
            id=SystemClock().new_id(),
            type=payload.TYPE,
            institution=self.north,
            subject=payload.aggregate,
            sequence=self.sequence,
            time=NOW,
            trace=Trace(correlation_id="c"),
        )
        return Received(envelope, payload)

    async def apply(self, *payloads: Payload) -> None:
        for payload in payloads:
            await self.apply_received(self.received(payload))

    async def apply_received(self, received: Received) -> None:
        is_list = isinstance(received.payload, SuggestionsChanged)
        await (self.relations.fold_lists if is_list else self.relations.fold_pairs)([received])

    async def sees(self, viewer: str, other: str) -> Json | None:
        answer = await self.people[viewer].get(f"/cards/{self.ids[other]}")
        if answer.status_code == 404:
            unknown = await self.people[viewer].get("/cards/nobody-knows")
            assert answer.json() == unknown.json()
            return None
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture
async def cast(network: Network) -> Cast:
    return await Cast(network, f"c{SystemClock().new_id()}").join()


async def test_an_unrelated_member_has_no_card_even_in_the_same_institution(cast: Cast) -> None:
    for viewer in cast.people:
        for other in cast.people:
            assert await cast.sees(viewer, other) is None


async def test_a_mentee_sees_suggested_mentors_who_do_not_see_the_mentee(cast: Cast) -> None:
    await cast.apply(cast.listed("ana", "mara", "sue"))
    mara, sue = await cast.sees("ana", "mara"), await cast.sees("ana", "sue")
    assert mara is not None
    assert sue is not None
    assert (mara["relation"], mara["name"], mara["pronouns"]) == ("suggested", "Mara", "she/her")
    assert set(sue) == {"id", "institution", "relation", "stage", "principles", "story"}
    assert await cast.sees("mara", "ana") is None
    await cast.apply(cast.listed("ana"))
    assert await cast.sees("ana", "mara") is None


async def test_a_request_shows_cards_and_acceptance_adds_name_and_address(cast: Cast) -> None:
    asked = MentorRequested(request="r1" + cast.north, expires_at=NOW, **cast.pair("ana", "sue"))
    await cast.apply(asked)
    for viewer, other in (("ana", "sue"), ("sue", "ana")):
        seen = await cast.sees(viewer, other)
        assert seen is not None
        assert seen["relation"] == "asked"
        assert not {"name", "pronouns", "email"} & set(seen)
    relationship = "s1" + cast.north
    accepted = RequestAccepted(request=asked.request, relationship=relationship, **cast.pair("ana", "sue"))
    opened = RelationshipOpened(relationship=relationship, request=asked.request, **cast.pair("ana", "sue"))
    await cast.apply(accepted, opened)
    for viewer, other in (("ana", "sue"), ("sue", "ana")):
        seen = await cast.sees(viewer, other)
        assert seen is not None
        assert (seen["relation"], seen["name"], seen["email"]) == ("matched", other.title(), f"{other}@example.org")
    await cast.apply(RelationshipClosed(relationship=relationship, reason="no_time", **cast.pair("ana", "sue")))
    assert await cast.sees("ana", "sue") is None


async def test_a_declined_request_ends_the_card_and_an_older_fact_does_not_bring_it_back(cast: Cast) -> None:
    first = cast.received(MentorRequested(request="r2" + cast.north, expires_at=NOW, **cast.pair("ana", "mara")))
    await cast.apply_received(first)
    assert await cast.sees("mara", "ana") is not None
    await cast.apply(RequestDeclined(request="r2" + cast.north, reason="no_time", **cast.pair("ana", "mara")))
    await cast.apply_received(first)
    assert await cast.sees("mara", "ana") is None


async def test_ten_cards_are_read_in_one_request_without_unrelated_members(cast: Cast) -> None:
    await cast.apply(cast.listed("ana", "sue", "mara"))
    wanted = [cast.ids["mara"], "nobody-knows", cast.ids["ned"], cast.ids["sue"]]
    answer = await cast.people["ana"].get("/cards", ids=wanted)
    assert [item["id"] for item in answer.json()["items"]] == [cast.ids["mara"], cast.ids["sue"]]
    many = await cast.people["ana"].get("/cards", ids=[f"m{number}" for number in range(51)])
    assert many.status_code == 422


async def test_no_card_has_a_private_field(cast: Cast) -> None:
    await cast.apply(RelationshipOpened(relationship="s2" + cast.north, **cast.pair("ana", "mara")))
    seen = await cast.sees("ana", "mara")
    assert seen is not None
    assert set(seen) == {
        *("id", "institution", "relation", "stage", "principles", "name", "pronouns", "story", "email"),
    }


async def test_a_coordinator_and_an_inactive_member_see_no_card(cast: Cast) -> None:
    await cast.apply(cast.listed("ana", "mara"))
    coordinator = cast.network.coordinator(cast.north)
    path = f"/cards/{cast.ids['mara']}"
    assert (await coordinator.get(path)).status_code == 403
    assert (await coordinator.post(f"/members/{cast.ids['mara']}/deactivate")).status_code == 200
    assert await cast.sees("ana", "mara") is None
    assert (await coordinator.post(f"/members/{cast.ids['ana']}/deactivate")).status_code == 200
    assert (await cast.people["ana"].get(path)).status_code == 403


async def test_the_consumer_applies_the_topic(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> None:
    await begin_here(kafka_bootstrap, "profiles.projection", "matching.events")
    producer: AIOKafkaProducer = kafka.producer(kafka_bootstrap)
    await producer.start()
    try:
        async with running(mongo_uri, kafka_bootstrap, issuer, background={"consumer": True}) as network:
            cast = await Cast(network, f"k{SystemClock().new_id()}").join()
            received = cast.received(cast.listed("ana", "mara"))
            envelope = received.envelope
            assert received.payload is not None
            await producer.send_and_wait(
                "matching.events",
                received.payload.model_dump_json().encode(),
                key=envelope.key.encode(),
                headers=[(name, value.encode()) for name, value in headers_of(envelope).items()],
            )

            async def is_seen() -> bool:
                return await cast.sees("ana", "mara") is not None

            await eventually(is_seen, message="the card is shown once the fact is folded")
    finally:
        await producer.stop()
