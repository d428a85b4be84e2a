"""A network of one institution for benchmarks, brought in the way that institutions do: as a roster."""

import asyncio
import csv
import io
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bench.site import BenchmarkContext

INSTITUTION, PROGRAMME = "bench-hospital", "bench-programme"
QUIET = "quiet-hospital"
MAPPING = """
version: 1
sections:
  people:
    fields:
      external_id: {column: id}
      name: {column: name}
      email: {column: email}
      stage: {column: stage}
      specialty: {column: specialty}
      topics_offered: {column: offers, split: "|"}
      topics_wanted: {column: wants, split: "|"}
      languages: {column: languages, split: "|"}
      formats: {constant: [video]}
      time_zone: {constant: Europe/Berlin}
      hours_per_month: {column: hours}
      capacity: {column: capacity}
    enrol:
      - programme: bench-programme
        roles: {column: role}
"""
TOPICS = [f"topic-{n:02}" for n in range(40)]
_SPECIALTIES = ["cardiology", "internal-medicine", "surgery", "paediatrics", "psychiatry", "radiology", "oncology"]
HEAD = ["id", "name", "email", "role", "stage", "specialty", "offers", "wants", "languages", "hours", "capacity"]


def rows(count: int, *, seed: int = 7) -> Iterator[list[str]]:
    """Half mentors, half mentees."""
    chance = random.Random(seed)
    for n in range(count):
        mentor = n % 2 == 0
        topics = chance.sample(TOPICS, 5)
        languages = ["en", *chance.sample(["de", "fr", "es", "tr", "ar"], chance.randint(0, 2))]
        yield [
            f"b-{n:06}",
            f"Person {n}",
            f"person.{n}@context.example",
            "mentor" if mentor else "mentee",
            chance.choice(["attending", "senior"] if mentor else ["student", "resident", "fellow"]),
            chance.choice(_SPECIALTIES),
            "|".join(topics) if mentor else "",
            "" if mentor else "|".join(topics[:3]),
            "|".join(languages),
            str(chance.randint(2, 10)),
            str(chance.randint(1, 4)) if mentor else "0",
        ]


def as_csv(count: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows(rows(count))
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Coordinator:
    """One institution's coordinator at the profiles API."""

    client: httpx.AsyncClient
    headers: Mapping[str, str]

    async def post(self, context: BenchmarkContext, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        headers = {**self.headers, "Idempotency-Key": context.clock.new_id()}
        answer = await self.client.post(path, headers=headers, json=body, **options)
        return _checked(answer)

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        return _checked(await self.client.get(path, headers=self.headers, params=params))

    async def patch(
        self, path: str, version: int, body: Any, *, correlation: str, leaves: Callable[[], None] = lambda: None
    ) -> httpx.Response:
        """`leaves` is called as the first byte is sent: what this client takes before is not the services'."""
        headers = {**self.headers, "If-Match": f'"{version}"', "X-Correlation-Id": correlation}

        async def trace(event: str, _: Any) -> None:
            if event == "http11.send_request_headers.started":
                leaves()

        return await self.client.patch(path, headers=headers, json=body, extensions={"trace": trace})


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


async def coordinator(context: BenchmarkContext, client: httpx.AsyncClient, institution: str) -> Coordinator:
    """Creates an institution with a programme, and signs in as its coordinator."""
    operator = context.issuer.token("operator", institution=None, roles=["operator"])
    headers = {"Authorization": f"Bearer {operator}"}
    await Coordinator(client, headers).post(context, "/institutions", {"id": institution, "name": institution})
    token = context.issuer.token(
        "coordinator", institution=institution, roles=["institution_coordinator"], lifetime_seconds=7200
    )
    signed_in = Coordinator(client, {"Authorization": f"Bearer {token}"})
    programme = PROGRAMME if institution == INSTITUTION else f"{institution}-programme"
    body = {"id": programme, "name": programme, "institution": institution, "admits": [institution]}
    await Coordinator(client, headers).post(context, "/programmes", body)
    return signed_in


async def import_roster(context: BenchmarkContext, signed_in: Coordinator, content: bytes) -> dict[str, Any]:
    """Imports a roster and returns the finished job; reports the progress."""
    job = await signed_in.post(
        context,
        "/rosters",
        files={"file": ("people.csv", content, "text/csv"), "mapping": ("mapping.yaml", MAPPING, "application/yaml")},
        data={"section": "people", "dry_run": "false"},
        timeout=120,
    )
    reported_at = 0.0
    while job["status"] not in {"done", "failed"}:
        await asyncio.sleep(0.25)
        job = await signed_in.get(f"/rosters/{job['id']}")
        if context.clock.monotonic() - reported_at > 10:  # noqa: PLR2004 -- every ten seconds
            reported_at = context.clock.monotonic()
            context.say(f"roster: {job}")
    return job


async def settled(context: BenchmarkContext, mentees: int) -> None:
    """Until every mentee has a list and nothing waits in any outbox."""
    lists = context.database("matching", service="matching")["lists"]
    outboxes = [context.database(name, service=name)["outbox"] for name in ("profiles", "matching", "notifications")]
    quiet = 0
    while quiet < 8:  # noqa: PLR2004 -- longer than others' changes are gathered
        await asyncio.sleep(1)
        waiting = [await outbox.count_documents({"status": "pending"}) for outbox in outboxes]
        have = await lists.count_documents({"version": {"$gt": 0}})
        quiet = 0 if any(waiting) or have < mentees else quiet + 1
        if not quiet:
            context.say(f"lists {have}/{mentees}, facts waiting {waiting}")


async def mentees_of(signed_in: Coordinator) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await signed_in.get("/members", role="mentee", limit=200, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page.get("next")
        if not cursor:
            return found
