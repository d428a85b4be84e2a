"""What members read: their lists of mentors with reasons, and their inbox."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import httpx

from deploy.api_client import Api, Json, NeverArrived, Refused, for_each, until
from deploy.demo.founding import Member
from shared.contracts.payload import Part

T = TypeVar("T")
_POLL_SECONDS = 0.4
_NOT_YET = (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN)
"""The list is not computed yet, or the sign-in has not reached the service yet."""


class Suggested(Part):
    mentor: str
    institution: str
    rank: int
    match: int
    """Percent."""
    reasons: tuple[str, ...]


class NoMentors(Part):
    code: str
    explanation: str


class Shortlist(Part):
    """One enrolment's mentors with reasons, or the reason why there are none."""

    programme: str
    mentee: str
    institution: str
    items: tuple[Suggested, ...]
    unmatched: NoMentors | None = None

    @property
    def enrolment(self) -> str:
        return f"{self.programme}.{self.mentee}"

    @property
    def is_explained(self) -> bool:
        return bool(self.unmatched or self.items) and all(suggested.reasons for suggested in self.items)

    def rank_of(self, mentor: str) -> int | None:
        return next((suggested.rank for suggested in self.items if suggested.mentor == mentor), None)


class Inbox(Part):
    member: str
    unread: int
    position: int
    """Of the newest notification; counts every notification and every update of one."""
    items: tuple[Json, ...]


async def lists_of(api: Api, mentee: Member) -> tuple[Shortlist, ...]:
    answer = await api.member(mentee.institution, mentee.id).get("matching", "/me/suggestions")
    return tuple(Shortlist(institution=mentee.institution, **suggestions) for suggestions in answer.json())


async def inbox_of(api: Api, member: Member) -> Inbox:
    answer = await api.member(member.institution, member.id).get("notifications", "/inbox", limit=1)
    return Inbox(member=member.id, **answer.json())


async def explained_lists(api: Api, mentee: Member) -> tuple[Shortlist, ...] | None:
    """None until there is an explained list for each programme in which the person looks for a mentor."""
    lists = await none_if_not_ready(lists_of(api, mentee))
    explained = {shortlist.programme for shortlist in lists or () if shortlist.is_explained}
    return lists if explained == set(mentee.mentee_in) else None


async def filled_inbox(api: Api, member: Member) -> Inbox | None:
    """None until there is a notification."""
    inbox = await none_if_not_ready(inbox_of(api, member))
    return inbox if inbox and inbox.items else None


async def read_all(
    api: Api,
    mentees: Sequence[Member],
    read: Callable[[Api, Member], Awaitable[T | None]],
    *,
    within: float,
    missing: str,
    advance: Callable[[], object] = lambda: None,
) -> list[T]:
    """Reads for each mentee until there is an answer. Raises `NeverArrived` with how many mentees have none."""
    answers: dict[str, T] = {}

    async def attempt(mentee: Member) -> None:
        answer = await read(api, mentee)
        if answer is not None:
            answers[mentee.id] = answer
            advance()

    async def complete() -> bool | None:
        await for_each([mentee for mentee in mentees if mentee.id not in answers], attempt)
        return len(answers) == len(mentees) or None

    try:
        await until(complete, clock=api.clock, within=within, missing=missing, every=_POLL_SECONDS)
    except NeverArrived as error:
        raise NeverArrived(f"{len(mentees) - len(answers)} of {len(mentees)}: {error}") from None
    return list(answers.values())


async def none_if_not_ready(request: Awaitable[T]) -> T | None:
    """None where the service does not know the sign-in, or what the path names, yet."""
    try:
        return await request
    except Refused as refused:
        if refused.status in _NOT_YET:
            return None
        raise
