"""Confidential support: a mentee asks somebody whom they choose, and nobody else reads it. Pure decisions.

A hearer is the mentor, or a person on the list that the mentee's institution keeps and who has accepted. Nobody hears a
mentee whom they assess or coordinate, neither when they are chosen nor whenever they read.

An event names who is notified, and not whether they ask or hear; no event says what it is about.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from services.mentorships.kernel.pairs import Decided, Pair, Party, People
from shared.contracts.mentorships import HearerListed, SupportChanged
from shared.contracts.payload import Recipient
from shared.errors import Conflict, Forbidden

Kind = Literal["discrimination", "burnout", "safety", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Role = Literal["ombudsperson", "outside_mentor", "other"]
MAX_LENGTH = 5_000
MAX_HEARERS = 50
MAX_OPEN = 20
"""Open requests of one mentee in one mentorship."""
MENTOR = "mentor"
"""Names the mentor where a hearer is chosen; else it is the id of a hearer."""
STEP = 5
_KEPT_READS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearer:
    """An entry of an institution's list."""

    id: str
    institution: str
    """Whose members they may hear."""
    person: Party
    role: Role
    note: str
    version: int = 1
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    hearer: Party
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a mentee asked, with the answer."""

    id: str
    mentorship: str
    pair: Pair
    hearer: Party
    version: int = 1
    kind: Kind
    text: str
    asked_at: datetime
    reads: tuple[datetime, ...] = ()
    """When the hearer read it, the first and the latest ones."""
    answer: str = ""
    answered_at: datetime | None = None
    refused_at: datetime | None = None
    """When the hearer turned out to assess or coordinate the mentee."""
    closed_at: datetime | None = None
    due_at: datetime | None = None
    """Never: time changes nothing of it."""

    @property
    def parties(self) -> People:
        """The mentee and the hearer, who alone read it."""
        asking, hearer = self.pair.mentee, self.hearer
        institutions = sorted({asking.institution, hearer.institution})
        return People(members=(asking.member, hearer.member), institutions=tuple(institutions))

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


def list_hearer(
    *, id: str, institution: str, person: Party, role: Role, note: str, listed: int
) -> tuple[Hearer, HearerListed]:
    """`listed`: how many the list has already. The person is asked, and hears nobody before they accept."""
    if listed >= MAX_HEARERS:
        raise Conflict("hearers_full", f"an institution can list {MAX_HEARERS} people")
    hearer = Hearer(id=id, institution=institution, person=person, role=role, note=note)
    return hearer, HearerListed(hearer=id, institution=institution, recipients=(person.as_recipient,))


def accept(hearer: Hearer, *, coordinates: bool, now: datetime) -> Hearer | None:
    """`coordinates`: whether the person coordinates at this institution. None where they have accepted already."""
    if coordinates:
        raise Forbidden("coordinates_here", "a coordinator of an institution cannot hear its members in confidence")
    if hearer.accepted_at is not None:
        return None
    return replace(hearer, accepted_at=now, version=hearer.version + 1)


def may_hear(person: Party, *, mentee: Party, assessors: Collection[str]) -> bool:
    return person.member != mentee.member and person.member not in assessors


def ask(
    question: Question, pair: Pair, *, mentorship: str, id: str, open_requests: int, now: datetime
) -> Decided[Support]:
    if open_requests >= MAX_OPEN:
        raise Conflict("too_many_open", f"at most {MAX_OPEN} of your requests can be open: close one first")
    new = Support(
        id=id,
        mentorship=mentorship,
        pair=pair,
        hearer=question.hearer,
        kind=question.kind,
        text=question.text,
        asked_at=now,
    )
    return Decided(state=new, event=_changed(new, new.hearer))


def read(support: Support, *, now: datetime) -> Decided[Support]:
    """By the hearer. Who asked sees when it was read."""
    _require_open(support)
    first, latest = support.reads[:1], support.reads[1:]
    reads = (*first, *latest[-(_KEPT_READS - 2) :], now)
    return Decided(state=replace(support, version=support.version + 1, reads=reads))


def answer(support: Support, *, text: str, now: datetime) -> Decided[Support] | None:
    """By the hearer; another one replaces it."""
    _require_open(support)
    if text == support.answer:
        return None
    after = replace(support, version=support.version + 1, answer=text, answered_at=now)
    return Decided(state=after, event=_changed(after, support.pair.mentee))


def refuse(support: Support, *, now: datetime) -> Decided[Support] | None:
    """The hearer assesses or coordinates the mentee by now, who can choose somebody else."""
    if support.refused_at is not None or not support.is_open:
        return None
    after = replace(support, version=support.version + 1, refused_at=now)
    return Decided(state=after, event=_changed(after, support.pair.mentee))


def close(support: Support, *, now: datetime) -> Decided[Support] | None:
    """By the mentee: what the two wrote is deleted."""
    if not support.is_open:
        return None
    return Decided(state=replace(support, version=support.version + 1, text="", answer="", closed_at=now))


def numbers(kinds: Iterable[Kind]) -> Mapping[Kind, int]:
    """Requests by kind, each rounded down to a multiple of five: no single request shows."""
    counted = Counter(kinds)
    return {kind: counted[kind] // STEP * STEP for kind in KINDS}


def _require_open(support: Support) -> None:
    if not support.is_open:
        raise Conflict("support_closed", "this request is closed, and what was written is deleted")


def _changed(support: Support, to: Party) -> SupportChanged:
    recipient: Recipient = to.as_recipient
    return SupportChanged(support=support.id, institution=support.pair.mentee.institution, recipients=(recipient,))
