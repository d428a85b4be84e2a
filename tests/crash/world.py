"""A small network, and commands with known outcomes: each reverses a mentee's list, renames the mentee or sets weights.

Where an answer is lost, the command reads the member, and is sent again if it has not taken effect.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

import httpx

from deploy.api_client import Api, Caller, Json, Refused
from shared.mongo import Database
from tests.crash.outside import Snapshot

INSTITUTION, PROGRAMME = "west", "first-friday"
TOPICS = ("airway", "sepsis")
_MENTEES = 5
_COMMON = {"stage": "resident", "languages": ["en"], "formats": ["video"], "hours_per_month": 4}
_MAPPING = """
version: 1
sections:
  people:
    fields:
      external_id: {column: No, required: true}
      name: {column: Name}
      email: {column: Mail}
"""


@dataclass(slots=True)
class World:
    api: Api
    mentors: dict[str, str] = field(default_factory=dict)
    """Mentors by the topic that they offer."""
    mentees: list[str] = field(default_factory=list)
    wanted: dict[str, Json] = field(default_factory=dict)
    """By mentee, the last acknowledged value of each field."""
    numbers: Iterator[int] = field(default_factory=count)

    async def found(self) -> None:
        await self.api.operator().post("profiles", "/institutions", {"id": INSTITUTION, "name": "West"})
        coordinator = self.api.coordinator(INSTITUTION)
        founded = {"id": PROGRAMME, "name": "First Friday", "institution": INSTITUTION}
        await self.api.operator().post("profiles", "/programmes", founded)
        for topic in TOPICS:
            self.mentors[topic] = await self._member(coordinator, "mentor", topics_offered=[topic], capacity=50)
        for n in range(_MENTEES):
            await self.join(TOPICS[n % 2])

    async def join(self, topic: str) -> str:
        """Adds a mentee who has accepted their invitation."""
        coordinator = self.api.coordinator(INSTITUTION)
        mentee = await self._member(coordinator, "mentee", topics_wanted=[topic])
        invited = await coordinator.post("profiles", f"/members/{mentee}/invitations")
        await self._me(mentee).post("profiles", "/invitations/accept", {"code": invited.json()["code"]})
        self.mentees.append(mentee)
        self.wanted[mentee] = {"topics_wanted": [topic]}
        return mentee

    async def turn(self) -> None:
        """Sends the next command until its outcome is known."""
        n = next(self.numbers)
        await self.turn_round(self.mentees[n % len(self.mentees)], n)

    async def turn_round(self, mentee: str, n: int) -> None:
        now = self.wanted[mentee]["topics_wanted"]
        change: Json = {"topics_wanted": [topic for topic in TOPICS if [topic] != now]}
        if n % 4 == 2:
            change |= {"name": f"Mentee {n}"}
        if n % 4 == 3:
            change |= {"weights": {"topics": 60 + n % 40}}
        await self._sent(mentee, change)
        self.wanted[mentee] |= change

    async def _sent(self, mentee: str, change: Json) -> None:
        me = self._me(mentee)
        while True:
            try:
                seen = await me.get("profiles", "/me")
                if change.items() <= seen.json().items():
                    return
                await me.patch("profiles", "/me", change, etag=seen.headers["etag"])
            except (httpx.TransportError, Refused) as lost:
                if isinstance(lost, Refused) and lost.status != httpx.codes.SERVICE_UNAVAILABLE:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    async def send_roster(self, *, rows: int) -> str:
        """Uploads a roster of new people; returns the path of its import job."""
        first = next(self.numbers)
        lines = [f"r{first}-{n},Person {first} {n},p{first}.{n}@west.example" for n in range(rows)]
        content = "\n".join(["No,Name,Mail", *lines]).encode()
        parts = {"file": ("people.csv", content, "text/csv"), "mapping": ("mapping.yaml", _MAPPING, "application/yaml")}
        coordinator = self.api.coordinator(INSTITUTION)
        accepted = await coordinator.upload("profiles", "/rosters", {"section": "people"}, parts)
        return f"/rosters/{accepted.json()['id']}"

    async def created(self, roster: str) -> int | None:
        """The number of rows that became members; None until the import is done."""
        job: Json = (await self.api.coordinator(INSTITUTION).get("profiles", roster)).json()
        return int(job["counts"]["created"]) if job["status"] == "done" else None

    def wrong(self, seen: Snapshot) -> dict[str, list[str]]:
        """Acknowledged values that are not stored, and lists and notifications that do not follow from them."""
        documents = {member["_id"]: member for member in seen.documents["profiles"]["members"]}
        lists = {shortlist["mentee"]: shortlist for shortlist in seen.documents["matching"]["lists"]}
        announced = _announced(seen)
        not_kept, listed_wrongly, notified_wrongly = [], [], []
        for mentee, wanted in self.wanted.items():
            if not wanted.items() <= documents[mentee].items():
                not_kept.append(f"{wanted} acknowledged")
            first = [entry["mentor"] for entry in lists[mentee]["entries"]][:1] if mentee in lists else []
            follows = [self.mentors[wanted["topics_wanted"][0]]]
            if first != follows:
                listed_wrongly.append(f"{wanted['topics_wanted']} wanted, another mentor is first")
            if announced.get(mentee) != follows:
                notified_wrongly.append(f"{wanted['topics_wanted']} wanted, the last notification names another mentor")
        found = {"acknowledged": not_kept, "listed": listed_wrongly, "notified": notified_wrongly}
        return {name: sentences for name, sentences in found.items() if sentences}

    async def _member(self, coordinator: Caller, role: str, **fields: object) -> str:
        n = next(self.numbers)
        body = {
            "name": f"Person {n}",
            "email": f"person{n}@west.example",
            "enrolments": [{"programme": PROGRAMME, "roles": [role]}],
            **_COMMON,
            **fields,
        }
        answer = await coordinator.post("profiles", "/members", body)
        return str(answer.json()["id"])

    def _me(self, member: str) -> Caller:
        return self.api.member(INSTITUTION, member)


def _announced(seen: Snapshot) -> Mapping[str, list[str]]:
    """By mentee, the first mentor of the list in the last notification."""
    first: dict[str, list[str]] = {}
    for record in sorted(seen.records["matching.events"], key=lambda entry: entry.sequence):
        fact = json.loads(record.value)
        if fact.get("recipients") and "ranked" in fact:
            first[fact["mentee"]] = [entry["mentor"] for entry in fact["ranked"] if entry["rank"] == 1]
    return first


Databases = Mapping[str, Database]
