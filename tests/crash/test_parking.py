"""A service is killed while it parks a record, or while it retries the records behind a dropped record."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from deploy.parked import app
from shared.contracts.matching import MenteeUnmatched
from shared.contracts.payload import Recipient
from shared.mongo import Document
from tests.crash.guarantees import POISON, offsets
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION, PROGRAMME
from tests.eventually import eventually

_REACTION = "notifications.reaction"
pytestmark = pytest.mark.timeout(240)


class Poison:
    """An unreadable fact and a readable fact of the same key behind it, both in structured mode. They have no
    recipients, and only notifications reads them. Their ids begin with `POISON`, so that guarantees do not count them.
    """

    def __init__(self, site: CrashSite) -> None:
        self._site = site
        self._of = site.databases["notifications"]
        self._place = f"{POISON}{site.clock.new_id()}"
        self._good = MenteeUnmatched(
            place=self._place,
            round="round",
            programme=PROGRAMME,
            mentee=Recipient(member=self._place, institution=INSTITUTION),
            reason="outranked",
        )

    async def send(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._site.cluster.stack.bootstrap) as producer:
            for n, data in ((1, {"mentee": 1}), (2, self._good.model_dump(mode="json"))):
                event = {
                    "type": MenteeUnmatched.TYPE,
                    "id": f"{self._place}-{n}",
                    "institution": INSTITUTION,
                    "subject": self._place,
                    "sequence": n,
                    "data": data,
                }
                await producer.send_and_wait(
                    MenteeUnmatched.TOPIC,
                    key=f"{INSTITUTION}:{self._place}".encode(),
                    value=json.dumps(event).encode(),
                    headers=[("content-type", b"application/cloudevents+json")],
                )

    async def waiting(self) -> list[Document]:
        return await self._of["parked"].find({"dropped_at": None}).sort("offset").to_list(None)

    async def are_parked(self) -> bool:
        return [parked["reason"] for parked in await self.waiting()] == ["malformed", "behind_parked"]

    async def dead_letters(self) -> int:
        ids = [f"{parked['_id']}.letter" for parked in await self.waiting()]
        return await self._of["outbox"].count_documents({"_id": {"$in": ids}})

    async def drop_the_first(self) -> None:
        [first, _] = await self.waiting()
        words = ["drop", "notifications", first["_id"], "--reason", "a test sent it"]
        environment = {"NOTIFICATIONS_MONGO_URI": self._site.cluster.stack.mongo_uris["notifications"]}
        done = await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)
        assert done.exit_code == 0, done.output

    async def is_worked_off(self) -> bool:
        """Whether the record behind has taken effect and all offsets are committed."""
        is_marked = await self._of["inbox"].count_documents(self._mark)
        return bool(is_marked) and not await self.waiting() and not list(offsets(await self._site.look()))

    @property
    def _mark(self) -> Document:
        return {"_id": f"{_REACTION}:{self._place}-2"}


@pytest.mark.parametrize(
    "failpoint",
    [
        ("notifications.consumer.after-commit:1", "notifications.parked.after-effect:1"),
        pytest.param(
            ("notifications.consumer.before-offset-commit:1", "notifications.parked.after-commit:1"),
            marks=pytest.mark.full,
        ),
    ],
    ids=" ".join,
)
async def test_a_kill_while_parking_or_retrying_parks_once_and_keeps_the_order(
    crashes: CrashSite, failpoint: Sequence[str]
) -> None:
    assert not await crashes.settles()
    parks, works_off = failpoint
    poison = Poison(crashes)
    armed = await crashes.cluster.restart("notifications", failpoint=parks)
    await armed.ready()
    await poison.send()
    await armed.killed(within=60)

    armed = crashes.cluster.start("notifications", failpoint=works_off)
    await eventually(poison.are_parked, within=60, message="two set aside, in order")
    assert await poison.dead_letters() == 2
    await poison.drop_the_first()
    await armed.killed(within=60)

    await crashes.cluster.start("notifications").ready()
    await eventually(poison.is_worked_off, within=60, message="what waited behind has taken effect")
    await crashes.assert_settles(f"SIGKILL at {parks} while parking, and at {works_off} while working off")
