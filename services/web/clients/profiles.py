"""The API of profiles: one's own profile, cards of others, members, programmes and rosters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.web.clients.transport import Service

_CARDS_AT_ONCE = 50
_PROGRAMMES = 500
_NAMES = 5_000
_UNKNOWN = 200


class Read(BaseModel):
    """An answer of a service: fields that the pages do not use are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Enrolment(Read):
    programme: str
    roles: tuple[str, ...]


class Member(Read):
    id: str
    institution: str
    version: int
    name: str
    title: str = ""
    cohort: str = ""
    email: str
    locale: str
    external_id: str | None
    status: str
    paused: bool
    enrolments: tuple[Enrolment, ...]
    stage: str | None
    specialty: str | None
    topics_offered: tuple[str, ...]
    topics_wanted: tuple[str, ...]
    languages: tuple[str, ...]
    formats: tuple[str, ...]
    time_zone: str
    hours_per_month: int
    capacity: int
    least_group: int = 0
    mentors_wanted: int = 1
    available: tuple[str, ...] = ()
    style: str | None
    reverse_mentoring: bool
    principles: str
    across_institutions: bool
    has_sign_in: bool

    @property
    def full_name(self) -> str:
        return f"{self.title} {self.name}".strip()

    def has_role(self, role: str) -> bool:
        return any(role in enrolment.roles for enrolment in self.enrolments)


class Own(Member):
    never: tuple[str, ...]
    weights: Mapping[str, int]
    story: str
    story_shown_to: str
    pronouns: str
    shares_email: bool


class Card(Read):
    id: str
    institution: str
    relation: str
    stage: str | None = None
    specialty: str | None = None
    principles: str = ""
    name: str | None = None
    pronouns: str | None = None
    story: str | None = None
    email: str | None = None


class ProgrammeLimits(Read):
    list_length: int = 10
    minimum_score: int = 0


class Programme(Read):
    id: str
    institution: str
    name: str
    status: str
    weights: Mapping[str, int]
    limits: ProgrammeLimits = ProgrammeLimits()


class Counts(Read):
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


class Roster(Read):
    id: str
    section: str
    dry_run: bool
    status: str
    rows: int
    titles: tuple[str, ...] = ()
    counts: Counts
    created_at: datetime
    undo_until: datetime | None = None
    undone: int = 0
    left: int = 0


class RowReason(Read):
    column: str
    message: str


class Row(Read):
    line: int
    verdict: str
    member: str | None = None
    reasons: tuple[RowReason, ...]
    cells: tuple[str, ...] = ()


class Invited(Read):
    name: str
    email: str
    code: str


class InvitedPage(Read):
    items: tuple[Invited, ...]
    mailed_lately: int
    next: str | None


class InvitationState(Read):
    """A member of a programme with their latest invitation."""

    member: str
    name: str
    email: str
    has_joined: bool
    way: str | None = None
    invited_at: datetime | None = None
    expires_at: datetime | None = None
    reminders: int = 0


class UnknownTopic(Read):
    name: str
    members: int
    nearest: tuple[str, ...]
    """Ids of terms."""


class Term(Read):
    id: str
    labels: Mapping[str, str]
    successor: str | None


class Erasure(Read):
    state: str
    requested_by: str
    requested_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Profiles:
    service: Service

    async def me(self) -> tuple[Own, str]:
        """With the ETag that a change names."""
        answer = await self.service.get("/me")
        return Own.model_validate(answer.body), answer.etag

    async def change_me(self, fields: Mapping[str, Any], *, etag: str) -> Own:
        return Own.model_validate((await self.service.patch("/me", dict(fields), etag=etag)).body)

    async def accept_invitation(self, code: str, *, idempotency_key: str) -> Own:
        return Own.model_validate(
            (await self.service.post("/invitations/accept", {"code": code}, idempotency_key=idempotency_key)).body
        )

    async def erasure(self) -> Erasure:
        """The waiting request to erase the reader's data; refused with 404 where there is none."""
        return Erasure.model_validate((await self.service.get("/me/erasure")).body)

    async def ask_for_erasure(self) -> Erasure:
        """The same again changes nothing."""
        return Erasure.model_validate((await self.service.delete("/me")).body)

    async def withdraw_erasure(self, *, idempotency_key: str) -> None:
        await self.service.post("/me/erasure/withdraw", idempotency_key=idempotency_key)

    async def cards(self, members: Iterable[str]) -> Mapping[str, Card]:
        """By member; without those of whom nothing is shown to the reader."""
        ids = list(dict.fromkeys(members))
        found: dict[str, Card] = {}
        for start in range(0, len(ids), _CARDS_AT_ONCE):
            answer = await self.service.get("/cards", ids=ids[start : start + _CARDS_AT_ONCE])
            found |= {card["id"]: Card.model_validate(card) for card in answer.body["items"]}
        return found

    async def mentors_named(self, programme: str, name: str) -> Mapping[str, str]:
        """Names of mentors of the reader's own institution, by id."""
        found = (await self.service.get("/me/mentors", programme=programme, name=name)).body["items"]
        return {each["id"]: each["name"] for each in found}

    async def programmes(self) -> Mapping[str, Programme]:
        """By id: those that the reader's institution owns or is admitted to."""
        found = await self.service.pages("/programmes", most=_PROGRAMMES)
        return {programme["id"]: Programme.model_validate(programme) for programme in found}

    async def change_programme(self, id: str, fields: Mapping[str, Any], *, etag: str) -> None:
        await self.service.patch(f"/programmes/{id}", dict(fields), etag=etag)

    async def members(self, *, cursor: str | None, **wanted: str | None) -> tuple[Sequence[Member], str | None]:
        """A page of members, and the cursor of the next."""
        body = (await self.service.get("/members", limit=50, cursor=cursor, **wanted)).body
        return [Member.model_validate(member) for member in body["items"]], body.get("next")

    async def members_in(self, programme: str) -> Sequence[Member]:
        """The active ones."""
        found = await self.service.pages("/members", most=_NAMES, programme=programme, status="active")
        return [Member.model_validate(member) for member in found]

    async def names_in(self, programme: str) -> Mapping[str, str]:
        """Of the own institution's members, whom alone a coordinator sees; by id."""
        found = await self.service.pages("/members", most=_NAMES, programme=programme)
        return {member["id"]: member["name"] for member in found}

    async def people_in(self, programme: str, *, most: int) -> dict[str, Member]:
        """Own members of any status, by id."""
        found = await self.service.pages("/members", most=most, programme=programme)
        return {member["id"]: Member.model_validate(member) for member in found}

    async def member(self, id: str) -> Member:
        return Member.model_validate((await self.service.get(f"/members/{id}")).body)

    async def invite(self, member: str, *, idempotency_key: str) -> str:
        """The invitation's code."""
        return str(
            (await self.service.post(f"/members/{member}/invitations", idempotency_key=idempotency_key)).body["code"]
        )

    async def invitations_of(self, programme: str) -> Sequence[InvitationState]:
        """Every active own member of the programme."""
        found = await self.service.pages(f"/programmes/{programme}/invitations", most=_NAMES)
        return [InvitationState.model_validate(each) for each in found]

    async def invite_all(
        self, programme: str, *, way: str, to: str, idempotency_key: str
    ) -> tuple[Sequence[Invited], int]:
        """Who is invited now, and how many are not, because they got a mail lately. Page by page; sent again with the
        same key each page takes effect once.
        """
        invited: list[Invited] = []
        mailed_lately = 0
        cursor: str | None = None
        while True:
            body = {"way": way, "to": to, "cursor": cursor}
            path = f"/programmes/{programme}/invitations"
            answer = await self.service.post(path, body, idempotency_key=f"{idempotency_key}.{cursor or ''}")
            page = InvitedPage.model_validate(answer.body)
            invited += page.items
            mailed_lately += page.mailed_lately
            cursor = page.next
            if cursor is None:
                return invited, mailed_lately

    async def unknown_topics(self) -> Sequence[UnknownTopic]:
        """What the institution's members write and no term has, for operators all members; the most frequent first."""
        found = (await self.service.get("/vocabulary/unknown", limit=_UNKNOWN)).body["names"]
        return [UnknownTopic.model_validate(each) for each in found]

    async def topics(self) -> Sequence[Term]:
        """The network's, deprecated ones too."""
        found = await self.service.pages("/vocabulary/terms", most=_NAMES, kind="topic")
        return [Term.model_validate(term) for term in found]

    async def add_term(self, term: Mapping[str, Any], *, idempotency_key: str) -> None:
        """By an operator."""
        await self.service.post("/vocabulary/terms", dict(term), idempotency_key=idempotency_key)

    async def add_topic_name(self, term: str, name: str, *, idempotency_key: str) -> None:
        """As the institution's own, besides those that it has. Sent again, it changes nothing."""
        await self.service.post(f"/vocabulary/terms/{term}/names", {"name": name}, idempotency_key=idempotency_key)

    async def rosters(self) -> Sequence[Roster]:
        return [Roster.model_validate(roster) for roster in await self.service.pages("/rosters", most=20)]

    async def roster(self, id: str) -> Roster:
        return Roster.model_validate((await self.service.get(f"/rosters/{id}")).body)

    async def undo_roster(self, id: str, *, idempotency_key: str) -> None:
        await self.service.post(f"/rosters/{id}/undo", idempotency_key=idempotency_key)

    async def rows(self, roster: str, *, most: int, **wanted: str) -> Sequence[Row]:
        return [
            Row.model_validate(row) for row in await self.service.pages(f"/rosters/{roster}/rows", most=most, **wanted)
        ]

    async def upload_roster(
        self, fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]], *, idempotency_key: str
    ) -> Roster:
        return Roster.model_validate(
            (await self.service.upload("/rosters", fields, files, idempotency_key=idempotency_key)).body
        )
