"""A mentorship begins once, ends once and frees its seat once, wherever one of the two services dies on the way."""

import httpx
import pytest

from deploy.api_client import Api, Refused
from shared.mongo import Document
from tests.crash.seats import Crowd
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(240)
_QUICK = ("mentorships.consumer.after-effect:1", "matching.consumer.after-effect:1")
_MORE = (
    "mentorships.consumer.after-commit:1",
    "mentorships.consumer.before-offset-commit:1",
    "mentorships.relay.after-publish:1",
    "mentorships.relay.before-mark:1",
    "matching.consumer.before-offset-commit:1",
)


@pytest.mark.parametrize("failpoint", [*_QUICK, *(pytest.param(point, marks=pytest.mark.full) for point in _MORE)])
async def test_an_introduction_that_is_left_frees_its_seat_once(crashes: CrashSite, failpoint: str) -> None:
    service = failpoint.partition(".")[0]
    async with httpx.AsyncClient(timeout=60) as client:
        api = Api(crashes.cluster.addresses, crashes.cluster.issuer, client, crashes.clock)
        people = Crowd(api, f"leaving-{crashes.clock.new_id()[-8:]}")
        await people.gather(mentors=1, mentees=1)
        [mentor], [mentee] = people.mentors, people.mentees
        request = await people.ask(mentee, mentor)
        armed = await crashes.cluster.restart(service, failpoint=failpoint)
        await armed.ready()
        await people.accept(request, mentor)
        if service == "mentorships":
            await armed.killed(within=60)
            await crashes.cluster.start(service).ready()
        await leave(people, mentee)
        if service == "matching":
            await armed.killed(within=60)
            await crashes.cluster.start(service).ready()
        await crashes.assert_settles(f"SIGKILL at {failpoint} while a mentorship begins and is left")
    await assert_left_once(crashes, request, mentor)


async def leave(people: Crowd, mentee: str) -> None:
    """As soon as mentorships knows of the relationship."""
    me = people.api.member(INSTITUTION, mentee)

    async def known() -> str | None:
        try:
            found = (await me.get("mentorships", "/me/mentorships")).json()["items"]
        except Refused:
            return None
        return str(found[0]["id"]) if found else None

    mentorship = await eventually(known, within=60, message="mentorships knows of the relationship")
    await me.post("mentorships", f"/mentorships/{mentorship}/leave")


async def assert_left_once(crashes: CrashSite, request: str, mentor: str) -> None:
    matching, mentorships = crashes.databases["matching"], crashes.databases["mentorships"]

    async def closed() -> Document | None:
        wanted = {"request": request, "state": "closed"}
        return await matching["relationships"].find_one(wanted)  # type: ignore[no-any-return]

    relationship = await eventually(closed, within=60, message="the relationship is closed")
    assert relationship["reason"] == "introduction_left"
    assert (await matching["seats"].find_one({"_id": mentor}))["taken"] == 0
    mentorship = await mentorships["mentorships"].find_one({"_id": relationship["_id"]})
    assert (mentorship["state"], mentorship["version"]) == ("ended", 2)
    key = {"key": f"{INSTITUTION}:{relationship['_id']}"}
    for database, facts in ((matching, ["opened", "closed"]), (mentorships, ["began", "ended"])):
        rows = await database["outbox"].find(key).sort("sequence", 1).to_list(None)
        assert [row["headers"]["ce_type"].split(".")[4] for row in rows] == facts
