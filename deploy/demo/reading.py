"""What members and coordinators read: lists with their reasons, and inboxes."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
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
    """A code, and what it means."""
    explanation: str

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


async def lists_of(api: Api, mentee: Enrolled) -> tuple[Shortlist, ...]:
    """All of one mentee's, as they read them themselves."""
    answer = await api.member(mentee.institution, mentee.id).get("matching", "/me/suggestions")
    return tuple(_shortlist(mentee, told) for told in answer.json())


async def inbox_of(api: Api, mentee: Enrolled) -> Inbox:
    answer = await api.member(mentee.institution, mentee.id).get("notifications", "/inbox", limit=1)
    inbox: Json = answer.json()
    newest = inbox["items"][0] if inbox["items"] else None
    return Inbox(member=mentee.id, unread=inbox["unread"], position=inbox["position"], newest=newest)


def _shortlist(mentee: Enrolled, told: Json) -> Shortlist:
    reason = told.get("unmatched", {})
    return Shortlist(
        programme=told["programme"],
        mentee=mentee.id,
        institution=mentee.institution,
        suggested=tuple(
            Suggested(
                mentor=one["mentor"],
                institution=one["institution"],
                rank=one["rank"],
                percent=one["match"],
                reasons=tuple(one["reasons"]),
            )
            for one in told["items"]
        ),
        unmatched=reason.get("code"),
        explanation=reason.get("explanation", ""),
    )


class Rounds:
    """Asks for what is missing, again and again, until everything is there."""

    def __init__(self, api: Api, *, within: float, done: Callable[[int], None] = lambda _: None) -> None:
        self._api = api
        self._within = within
        self._done = done

    async def lists(self, mentees: Sequence[Enrolled]) -> list[Shortlist]:
        """Of every enrolment as a mentee. Raises `NeverArrived` with how many mentees lack one."""
        hint = "look at /metrics of matching (matching_lists_computed, preceptor_records) and its log"
        found = await self._until_all(mentees, self._lists, f"mentees' lists with reasons; {hint}")
        return [shortlist for lists in found for shortlist in lists]

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

    async def _lists(self, mentee: Enrolled) -> tuple[Shortlist, ...] | None:
        lists = await _unless_not_yet(lists_of(self._api, mentee))
        saying = {one.programme for one in lists or () if one.says_something}
        return lists if saying == set(mentee.mentee_in) else None

    async def _inbox(self, mentee: Enrolled) -> Inbox | None:
        inbox = await _unless_not_yet(inbox_of(self._api, mentee))
        return inbox if inbox and inbox.newest else None


async def _unless_not_yet(asked: Awaitable[R]) -> R | None:
    try:
        return await asked
    except Refused as refused:
        if refused.status in _NOT_YET:
            return None
        raise
