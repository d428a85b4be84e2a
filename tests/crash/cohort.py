"""A programme whose members a coordinator matches in a round, by a repair, or under a draft of other rules.

All members want and offer the same topics, so that ties are broken by lot, unless a test adds fields.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import httpx

from deploy.api_client import Api, Caller, Json, Refused, for_each
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION
from tests.eventually import eventually

MENTORS, MENTEES, SEATS_OF_EACH = 4, 10, 2
SEATS = MENTORS * SEATS_OF_EACH
_COMMON = {"stage": "resident", "formats": ["video"], "hours_per_month": 4}
_WITHIN = 90
"""Enough for a kill, or for the expiry of a lease, in between."""


@dataclass(frozen=True, slots=True)
class Cohort:
    api: Api
    site: CrashSite
    programme: str
    mentors: list[str] = field(default_factory=list)
    mentees: list[str] = field(default_factory=list)

    async def opens(self) -> None:
        founded = {"id": self.programme, "name": "Cohort", "institution": INSTITUTION}
        await self.api.operator().post("profiles", "/programmes", founded)

    async def gather(self) -> None:
        await self.opens()
        roles = ["mentor"] * MENTORS + ["mentee"] * MENTEES
        people = await for_each(list(enumerate(roles)), lambda numbered: self.joined(numbered[1], nth=numbered[0]))
        self.mentors.extend(people[:MENTORS])
        self.mentees.extend(people[MENTORS:])
        await self.known()

    async def joined(self, role: str, *, nth: int, **other: object) -> str:
        topics = {"topics_offered": ["rounds"], "capacity": SEATS_OF_EACH} if role == "mentor" else {}
        body = {
            "name": f"{role} {nth}",
            "email": f"{self.programme}.{nth}@west.example",
            "enrolments": [{"programme": self.programme, "roles": [role]}],
            "topics_wanted": [] if role == "mentor" else ["rounds"],
            "languages": ["en"],
            **_COMMON,
            **topics,
            **other,
        }
        return str((await self._coordinator.post("profiles", "/members", body)).json()["id"])

    async def known(self) -> None:
        wanted = {"_id": {"$in": self.mentors + self.mentees}}
        participants = self.site.databases["matching"]["participants"]

        async def are_known() -> bool:
            return await participants.count_documents(wanted) == len(self.mentors) + len(self.mentees)

        await eventually(are_known, within=_WITHIN, message="matching knows everybody")

    def at(self, matching: str) -> "Cohort":
        """The same cohort, at another replica of matching."""
        return replace(self, api=replace(self.api, addresses={**self.api.addresses, "matching": matching}))

    async def opened(self, **body: object) -> str:
        answer = await self._coordinator.post("matching", f"/programmes/{self.programme}/rounds", {**body})
        return str(answer.json()["id"])

    async def pending(self, **body: object) -> str:
        round = await self.opened(**body)
        await self.until(f"/rounds/{round}", "pending")
        return round

    async def published(self, **body: object) -> None:
        round = await self.pending(**body)
        await self.publish(round)
        await self.until(f"/rounds/{round}", "published")

    async def publish(self, round: str) -> None:
        """The replica may be killed before it answers."""
        with suppress(httpx.TransportError):
            await self.act(f"/rounds/{round}", "publish")

    async def until(self, path: str, *states: str) -> Json:
        """Waits for a state of a round, a repair or a simulation; the replica may be away in between."""

        async def is_there() -> Json | None:
            try:
                seen: Json = (await self._coordinator.get("matching", path)).json()
            except httpx.TransportError:
                return None
            assert seen["state"] in states, seen["state"]
            return seen

        return await eventually(is_there, within=_WITHIN, every=0.2, message=f"{path} is {' or '.join(states)}")

    async def act(self, path: str, verb: str, **body: object) -> None:
        """Posts a command for the current version."""
        seen = await self._coordinator.get("matching", path)
        await self._coordinator.post("matching", f"{path}/{verb}", {**body} or None, etag=seen.headers["etag"])

    async def files(self, round: str) -> Mapping[str, bytes]:
        """The files of a round, downloaded."""
        names = ("input", "result")
        return {name: (await self._coordinator.get("matching", f"/rounds/{round}/{name}")).content for name in names}

    async def pairs(self, round: str) -> dict[str, str]:
        """Mentors by mentee, as planned."""
        items = await self._coordinator.pages("matching", f"/rounds/{round}/pairs")
        return {pair["mentee"]["member"]: pair["mentor"]["member"] for pair in items if "mentor" in pair}

    async def leaves(self, member: str) -> None:
        """Deactivates a member, and waits until matching has projected it."""
        seen = await self._coordinator.get("profiles", f"/members/{member}")
        await self._coordinator.post("profiles", f"/members/{member}/deactivate", etag=seen.headers["etag"])
        gone = {"_id": member, "status": "inactive"}
        participants = self.site.databases["matching"]["participants"]

        async def is_known() -> bool:
            return bool(await participants.count_documents(gone))

        await eventually(is_known, within=_WITHIN, message="matching knows who has left")

    async def repairs(self, *, bystanders: int) -> str:
        """Requests a plan that moves at most so many bystanders."""
        body = {"bystanders_at_most": bystanders}
        asked = await self._coordinator.post("matching", f"/programmes/{self.programme}/repairs", body)
        return str(asked.json()["id"])

    async def planned(self, state: str) -> Json:
        """The programme's newest repair, which matching planned automatically."""

        async def is_there() -> Json | None:
            found = await self._coordinator.pages("matching", f"/programmes/{self.programme}/repairs")
            return found[0] if found and found[0]["state"] == state else None

        return await eventually(is_there, within=_WITHIN, every=0.2, message=f"a repair is {state}")

    async def moved(self, repair: str) -> tuple[int, int]:
        """The numbers of displaced mentees placed and of bystanders moved, counted by new relationships."""
        of = self.site.databases["matching"]
        begun = await of["relationships"].find({"repair": repair}).to_list(None)
        lost = await of["repair_steps"].distinct("mentee.member", {"repair": repair})
        placed = sum(relationship["mentee"]["member"] in lost for relationship in begun)
        return placed, len(begun) - placed

    async def simulates(self, **draft: object) -> str:
        begun = await self._coordinator.post("matching", f"/programmes/{self.programme}/rehearsals", {**draft})
        return str(begun.json()["id"])

    async def applies(self, simulation: Json) -> None:
        """Sends the simulation's change until its outcome is known: it took effect, or the version has changed."""
        change = simulation["result"]["change"]
        path, body, etag = change["path"], change["body"], change["if_match"]

        async def is_applied() -> bool:
            try:
                await self._coordinator.patch("profiles", path, body, etag=etag)
            except httpx.TransportError:
                return False
            except Refused as refused:
                if refused.status != httpx.codes.PRECONDITION_FAILED:
                    raise
            return True

        await eventually(is_applied, within=_WITHIN, message="profiles has decided")

    @property
    def _coordinator(self) -> Caller:
        return self.api.coordinator(INSTITUTION)


@asynccontextmanager
async def cohort(site: CrashSite) -> AsyncIterator[Cohort]:
    async with httpx.AsyncClient(timeout=30) as client:
        api = Api(site.cluster.addresses, site.cluster.issuer, client, site.clock)
        found = Cohort(api, site, f"cohort-{site.clock.new_id()[-8:]}")
        yield found
