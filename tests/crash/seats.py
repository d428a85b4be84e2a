"""Two hundred concurrent acceptances for few seats, in a programme of its own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from deploy.api_client import Api, Refused, for_each
from shared.mongo import Document
from tests.crash.outside import Snapshot
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION
from tests.eventually import eventually

MENTORS, MENTEES, ASKED_BY_EACH, SEATS_OF_EACH = 10, 40, 5, 3
_COMMON = {"stage": "resident", "languages": ["en"], "formats": ["video"], "hours_per_month": 4}


@dataclass(frozen=True, slots=True)
class Crowd:
    api: Api
    programme: str
    mentors: list[str] = field(default_factory=list)
    mentees: list[str] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)
    """Mentors by request."""
    accepted: set[str] = field(default_factory=set)
    """Requests whose acceptance was acknowledged."""

    async def gather(self, *, mentors: int = MENTORS, mentees: int = MENTEES) -> None:
        founded = {"id": self.programme, "name": "Seats", "institution": INSTITUTION}
        await self.api.operator().post("profiles", "/programmes", founded)
        roles = ["mentor"] * mentors + ["mentee"] * mentees
        people = await for_each(list(enumerate(roles)), lambda numbered: self._signed_in(*numbered))
        self.mentors.extend(people[:mentors])
        self.mentees.extend(people[mentors:])

    async def ask_all(self) -> None:
        """Each mentee asks five mentors."""
        wishes = [
            (mentee, self.mentors[(n + wish) % MENTORS])
            for n, mentee in enumerate(self.mentees)
            for wish in range(ASKED_BY_EACH)
        ]
        await for_each(wishes, lambda wish: self.ask(*wish))

    async def answer_all(self) -> None:
        """Accepts all requests concurrently; the service may be killed in between."""
        await asyncio.gather(*(self.accept(request, mentor) for request, mentor in self.requests.items()))

    def at(self, matching: str) -> "Crowd":
        """The same crowd, at another replica of matching."""
        return replace(self, api=replace(self.api, addresses={**self.api.addresses, "matching": matching}))

    async def accept(self, request: str, mentor: str) -> None:
        try:
            await self.api.member(INSTITUTION, mentor).post("matching", f"/requests/{request}/accept")
        except (httpx.TransportError, Refused) as lost:
            if isinstance(lost, Refused) and lost.status not in {409, 503}:
                raise
        else:
            self.accepted.add(request)

    async def ask(self, mentee: str, mentor: str, *, message: str = "Please.") -> str:
        """Sends a request, once matching has projected both members; returns its id."""
        me = self.api.member(INSTITUTION, mentee)

        async def asked() -> str | None:
            try:
                body = {"programme": self.programme, "mentor": mentor, "message": message}
                answer = await me.post("matching", f"/mentees/{mentee}/requests", body)
            except Refused as refused:
                if refused.status != httpx.codes.NOT_FOUND:
                    raise
                return None
            return str(answer.json()["id"])

        request = await eventually(asked, within=30, message="matching knows who asks and who is asked")
        self.requests[request] = mentor
        return request

    async def _signed_in(self, n: int, role: str) -> str:
        coordinator = self.api.coordinator(INSTITUTION)
        topics = {"topics_offered": ["seats"], "capacity": SEATS_OF_EACH} if role == "mentor" else {}
        body = {
            "name": f"{role} {n}",
            "email": f"{self.programme}.{n}@west.example",
            "enrolments": [{"programme": self.programme, "roles": [role]}],
            "topics_wanted": [] if role == "mentor" else ["seats"],
            **_COMMON,
            **topics,
        }
        member = str((await coordinator.post("profiles", "/members", body)).json()["id"])
        invited = await coordinator.post("profiles", f"/members/{member}/invitations")
        code = {"code": invited.json()["code"]}
        await self.api.member(INSTITUTION, member).post("profiles", "/invitations/accept", code)
        return member

    def wrong(self, seen: Snapshot) -> Iterator[str]:
        """Acknowledged acceptances are stored, no mentee has two mentors, and no request is pending."""
        of = seen.documents["matching"]
        requests = {request["_id"]: request for request in of["requests"]}
        relationships = [each for each in of["relationships"] if each["programme"] == self.programme]
        lost = [id for id in self.accepted if requests[id]["state"] != "accepted"]
        if lost:
            yield f"{len(lost)} acceptances acknowledged and not kept"
        by_request = Counter(relationship["request"] for relationship in relationships)
        taken = {id for id in self.requests if requests.get(id, {}).get("state") == "accepted"}
        if by_request != Counter(taken):
            yield f"{len(taken)} requests accepted, {by_request.total()} relationships"
        mentees = Counter(relationship["mentee"]["member"] for relationship in relationships)
        if several := [count for count in mentees.values() if count > 1]:
            yield f"{len(several)} mentees have several mentors"
        yield from self._open_still(requests)

    def _open_still(self, requests: dict[str, Document]) -> Iterator[str]:
        pending = [id for id in self.requests if requests[id]["state"] == "pending"]
        if pending:
            yield f"{len(pending)} requests were answered by nobody"


@asynccontextmanager
async def crowd(site: CrashSite) -> AsyncIterator[Crowd]:
    """Uses a connection for each concurrent answer."""
    at_once = MENTEES * ASKED_BY_EACH
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=at_once)) as client:
        api = Api(site.cluster.addresses, site.cluster.issuer, client, site.clock)
        found = Crowd(api, f"seats-{site.clock.new_id()[-8:]}")
        await found.gather()
        await found.ask_all()
        yield found
