"""Mentorships on a real port with a real database; matching's events arrive as its consumer would hand them over."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import httpx
from pydantic import SecretStr

from deploy.issuer import ISSUER, LocalIssuer
from deploy.stack.ports import free_ports
from services.mentorships.app import NAME, build
from services.mentorships.lifecycle.handlers import Reactions
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.privacy.repository import MongoErasures
from services.mentorships.projections.repository import MongoProjections
from services.mentorships.settings import MentorshipsSettings
from services.mentorships.slices import FORGET, carry_over, mentorships
from shared import mongo
from shared.auth import subject_hash
from shared.clock import AdjustableClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import (
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
)
from shared.contracts.payload import Payload, Recipient
from shared.contracts.profiles import (
    Enrolment,
    MemberChanged,
    MemberErased,
    MentoringProfileChanged,
    ProgrammeChanged,
    Role,
)
from shared.mongo import Database
from shared.service import Service
from tests.component import kept

NORTH, SOUTH = "north", "south"
PROGRAMME = "residency"
MENTEE = Recipient(member="mia", institution=NORTH)
MENTOR = Recipient(member="ada", institution=SOUTH)


@dataclass(slots=True)
class MentorshipsService:
    http: httpx.AsyncClient
    issuer: LocalIssuer
    database: Database
    clock: AdjustableClock
    mentorships: MongoMentorships
    _sequences: Any = field(default_factory=lambda: count(1))

    def received(self, payload: Payload, *, at: datetime | None = None) -> Received:
        envelope = Envelope(
            id=self.clock.new_id(),
            type=payload.TYPE,
            institution=payload.tenant,
            subject=payload.aggregate,
            sequence=next(self._sequences),
            time=at or self.clock.now(),
            trace=Trace(correlation_id="test"),
        )
        return Received(envelope, payload)

    async def knows(self, person: Recipient, *, time_zone: str = "UTC", principles: str = "", name: str = "") -> None:
        """The person's profile has arrived, and they have accepted their invitation. They are a mentor too."""
        profile = MentoringProfileChanged(
            member=person.member,
            institution=person.institution,
            name=name or person.member.title(),
            time_zone=time_zone,
            principles=principles,
            subject_hash=subject_hash(ISSUER, person.member),
        )
        await MongoProjections(self.database).fold_people([self.received(profile)])
        await self.knows_roles(person, "mentee", "mentor")

    async def knows_roles(self, person: Recipient, *roles: Role) -> None:
        """Those that the person has in the programme from now on."""
        member = MemberChanged(
            member=person.member,
            institution=person.institution,
            status="active",
            enrolments=(Enrolment(programme=PROGRAMME, roles=roles),),
        )
        await MongoProjections(self.database).fold_mentors([self.received(member)])

    async def knows_programme(self, *, admits: tuple[str, ...] = (NORTH, SOUTH)) -> None:
        programme = ProgrammeChanged(
            programme=PROGRAMME,
            institution=NORTH,
            name="Residency",
            status="active",
            admits=admits,
            weights={},
        )
        await MongoProjections(self.database).fold_programmes([self.received(programme)])

    async def hears(self, payload: Payload, *, at: datetime | None = None) -> None:
        """An event of matching arrives."""
        reactions = Reactions(self.mentorships, self.clock, carry_over=carry_over(self.database, self.clock))
        handlers = {
            RelationshipOpened: reactions.on_opened,
            RelationshipPaused: reactions.on_paused,
            RelationshipResumed: reactions.on_resumed,
            RelationshipClosed: reactions.on_closed,
        }
        received, handle = self.received(payload, at=at), handlers[type(payload)]
        await mongo.in_transaction(self.database, lambda transaction: handle(received, transaction))

    async def opened(
        self, *, at: datetime | None = None, mentee: Recipient = MENTEE, mentor: Recipient = MENTOR
    ) -> str:
        """A relationship was opened; returns the mentorship's id."""
        id = self.clock.new_id()
        await self.hears(RelationshipOpened(**about(id, mentee=mentee, mentor=mentor)), at=at)
        return id

    async def active(self, mentee: Recipient, mentor: Recipient) -> str:
        """A mentorship whose agreement both have signed; returns its id."""
        await self.knows(mentee)
        id = await self.opened(mentee=mentee, mentor=mentor)
        await self.post(mentor, f"/mentorships/{id}/agreement/draft", {})
        for person in (mentee, mentor):
            answer = await self.post(person, f"/mentorships/{id}/agreement/versions/1/sign")
            assert answer.status_code == 200, answer.text
        return id

    def headers(
        self, person: Recipient, *, roles: Sequence[str] = ("member",), programmes: Sequence[str] = ()
    ) -> dict[str, str]:
        token = self.issuer.token(person.member, institution=person.institution, roles=roles, programmes=programmes)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": self.clock.new_id()}

    async def get(self, person: Recipient, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query, headers=self.headers(person))

    async def post(self, person: Recipient, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        headers = self.headers(person) | ({"Idempotency-Key": key} if key else {})
        return await self.http.post(path, json=body, headers=headers)

    async def put(self, person: Recipient, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.http.put(path, json=body, headers=self.headers(person) | headers)

    async def published(self) -> list[str]:
        """Types of the events in the outbox, without their prefix and version, in order."""
        rows = await self.database["outbox"].find({}).sort("_id", 1).to_list(None)
        return [
            row["headers"]["ce_type"].removeprefix("org.preceptor.mentorships.").removesuffix(".v1") for row in rows
        ]


async def erase(service: MentorshipsService, person: Recipient) -> None:
    erased = MemberErased(
        member=person.member,
        institution=person.institution,
        erasure="e",
        members_sequence=10**6,
        preferences_sequence=10**6,
        contacts_sequence=10**6,
        mentoring_sequence=10**6,
    )
    erasures = MongoErasures(service.database, service.clock, forget=FORGET)
    await erasures.fold_erasures([service.received(erased)])


def about(id: str, *, mentee: Recipient = MENTEE, mentor: Recipient = MENTOR) -> dict[str, Any]:
    """The common fields of an event about a relationship."""
    return {"relationship": id, "programme": PROGRAMME, "mentee": mentee, "mentor": mentor}


@asynccontextmanager
async def serving(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, *roles: str
) -> AsyncIterator[MentorshipsService]:
    def service(clock: AdjustableClock) -> tuple[Service, Database]:
        settings = MentorshipsSettings(
            environment="development",
            mongo_uri=SecretStr(mongo_uri),
            mongo_database=f"test_{clock.new_id()}",
            kafka_bootstrap=kafka_bootstrap,
            issuers_file=issuer.issuers_file,
            topics_size="native",
            http_port=free_ports(1)[0],
            shed_after_seconds=3_600,  # no relay runs in most of these tests, and the fuzzer takes minutes
        )
        return build(settings, clock, frozenset(roles)), mongo.connect(mongo_uri, settings.mongo_database)

    async with kept.lent((NAME, mongo_uri, kafka_bootstrap, issuer.issuers_file, roles), service) as lent:
        following = mentorships(lent.database, lent.clock)
        yield MentorshipsService(lent.client, issuer, lent.database, lent.clock, following)
