"""What members and coordinators read: lists with their reasons, and inboxes."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx

from deploy.demo.api import Api, Json, NeverArrived, Refused, for_each
from deploy.demo.founding import Enrolled

T = TypeVar("T")
R = TypeVar("R")
_BETWEEN_ROUNDS_SECONDS = 0.4
_NOT_YET = (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN)
"""A list not computed yet; a sign-in bound a moment ago, of which a service has not heard yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    mentor: str
    institution: str
    rank: int
    percent: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """One enrolment's: mentors with reasons, or the reason why there is none."""

    programme: str
    mentee: str
    institution: str
    suggested: tuple[Suggested, ...]
    unmatched: str | None

    @property
    def enrolment(self) -> str:
        return f"{self.programme}.{self.mentee}"

    @property
    def says_something(self) -> bool:
        return bool(self.unmatched) or (bool(self.suggested) and all(one.reasons for one in self.suggested))

    def rank_of(self, mentor: str) -> int | None:
        return next((one.rank for one in self.suggested if one.mentor == mentor), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    member: str
    unread: int
    position: int
    newest: Json | None


async def shortlist_of(api: Api, mentee: Enrolled, programme: str) -> Shortlist | None:
    """As the mentee's coordinator reads it; None while there is none."""
    coordinator = api.coordinator(mentee.institution)
    try:
        answer = await coordinator.get("matching", f"/mentees/{mentee.id}/suggestions", programme=programme)
    except Refused as refused:
        if refused.status in _NOT_YET:
            return None
        raise
    return _shortlist(mentee, programme, answer.json())


async def inbox_of(api: Api, mentee: Enrolled) -> Inbox:
    answer = await api.member(mentee.institution, mentee.id).get("notifications", "/inbox", limit=1)
    inbox: Json = answer.json()
    newest = inbox["items"][0] if inbox["items"] else None
    return Inbox(member=mentee.id, unread=inbox["unread"], position=inbox["position"], newest=newest)


def _shortlist(mentee: Enrolled, programme: str, told: Json) -> Shortlist:
    return Shortlist(
        programme=programme,
        mentee=mentee.id,
        institution=mentee.institution,
        suggested=tuple(
            Suggested(
                mentor=one["mentor"],
                institution=one["institution"],
                rank=one["rank"],
                percent=one["percent"],
                reasons=tuple(one["reasons"]),
            )
            for one in told["suggestions"]
        ),
        unmatched=told["unmatched"],
    )


class Rounds:
    """Asks for what is missing, again and again, until everything is there."""

    def __init__(self, api: Api, *, within: float, done: Callable[[int], None] = lambda _: None) -> None:
        self._api = api
        self._within = within
        self._done = done

    async def lists(self, mentees: Iterable[Enrolled]) -> list[Shortlist]:
        """Of every enrolment. Raises `NeverArrived` with how many are missing."""
        wanted = [(mentee, programme) for mentee in mentees for programme in mentee.mentee_in]
        hint = "look at /metrics of matching (matching_lists_computed, preceptor_records) and its log"
        return await self._until_all(wanted, self._shortlist, f"lists with reasons; {hint}")

    async def inboxes(self, mentees: Sequence[Enrolled]) -> list[Inbox]:
        """Of every mentee, with at least one notification. Raises `NeverArrived` with how many are missing."""
        hint = "look at /metrics of notifications (preceptor_records, preceptor_parked_records) and its log"
        return await self._until_all(mentees, self._inbox, f"inboxes with a notification; {hint}")

    async def _until_all(self, wanted: Collection[T], read: Callable[[T], Awaitable[R | None]], what: str) -> list[R]:
        found: list[R] = []
        missing = list(wanted)
        deadline = self._api.clock.monotonic() + self._within
        while missing:
            answers = await for_each(missing, read)
            found += [answer for answer in answers if answer is not None]
            missing = [one for one, answer in zip(missing, answers, strict=True) if answer is None]
            self._done(len(found))
            if missing and self._api.clock.monotonic() > deadline:
                raise NeverArrived(f"{len(missing)} of {len(wanted)} not within {self._within:.0f} s: {what}")
            if missing:
                await asyncio.sleep(_BETWEEN_ROUNDS_SECONDS)
        return found

    async def _shortlist(self, wanted: tuple[Enrolled, str]) -> Shortlist | None:
        shortlist = await shortlist_of(self._api, *wanted)
        return shortlist if shortlist and shortlist.says_something else None

    async def _inbox(self, mentee: Enrolled) -> Inbox | None:
        try:
            inbox = await inbox_of(self._api, mentee)
        except Refused as refused:
            if refused.status in _NOT_YET:
                return None
            raise
        return inbox if inbox.newest else None
