"""Two members who erase themselves: a mentee with a mentor, and a mentor whose answer another mentee waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from deploy.api_client import Caller, Refused, opened
from tests.crash.seats import Crowd
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION
from tests.eventually import eventually

_ANSWERED = {httpx.codes.ACCEPTED, httpx.codes.NOT_FOUND}
"""Not found: the answer was lost, and the erasure is carried out by now."""


@dataclass(frozen=True, slots=True)
class Departures:
    site: CrashSite
    people: Crowd
    secret: str
    """In every personal text that the two have entered."""

    @property
    def members(self) -> tuple[str, str]:
        return self.people.mentees[0], self.people.mentors[1]

    async def settle_in(self) -> None:
        people = self.people
        await people.gather(mentors=2, mentees=2)
        for member in self.members:
            await self._enter_secret(member)
        request = await people.ask(people.mentees[0], people.mentors[0], message=self.secret)
        await people.accept(request, people.mentors[0])
        await people.ask(people.mentees[1], people.mentors[1])
        assert len(people.accepted) == 1

    async def erase_themselves(self) -> None:
        """Each request is sent until it is answered."""
        await asyncio.gather(*(self._erase(self._me(member)) for member in self.members))

    async def are_erased(self) -> None:
        async def erased() -> bool:
            markers = self.site.databases["profiles"]["erased_members"]
            return await markers.count_documents({"_id": {"$in": self.members}}) == len(self.members)

        await eventually(erased, within=60, message="both erasures are carried out")

    async def left(self) -> list[str]:
        """Collections of all services in which something that the two have entered still is."""
        return [
            f"{service} {name}"
            for service, database in self.site.databases.items()
            for name in await database.list_collection_names()
            if self.secret in str(await database[name].find().to_list(None))
        ]

    async def _enter_secret(self, member: str) -> None:
        me = self._me(member)
        seen = await me.get("profiles", "/me")
        entered = {"name": f"Dr {self.secret}", "email": f"{member}@{self.secret}.example", "story": self.secret}
        await me.patch("profiles", "/me", entered, etag=seen.headers["etag"])

    async def _erase(self, me: Caller) -> None:
        headers = {"authorization": f"Bearer {me.token}"}
        while True:
            try:
                answer = await me.api.client.delete(f"{me.api.addresses['profiles']}/me", headers=headers)
                if answer.status_code in _ANSWERED:
                    return
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise Refused(answer)
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)

    def _me(self, member: str) -> Caller:
        return self.people.api.member(INSTITUTION, member)


@asynccontextmanager
async def departures(site: CrashSite) -> AsyncIterator[Departures]:
    id = site.clock.new_id()
    async with opened(site.cluster.addresses, site.cluster.issuer, site.clock) as api:
        found = Departures(site, Crowd(api, f"erasure-{id[-8:]}"), f"secret-{id[-12:]}")
        await found.settle_in()
        yield found
