"""From a folded profile event to a stored list and its event, on a real MongoDB."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.issuer import LocalIssuer
from shared.contracts.envelope import headers_of
from tests.component.conftest import begin_here
from tests.component.matching_kit import NORTH, SOUTH, Matching, institution, mentee, mentor, programme, running
from tests.eventually import eventually


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as matching:
        await matching.say(institution(NORTH), institution(SOUTH), programme())
        yield matching


async def test_a_mentee_gets_a_list_and_the_event_follows_from_the_profile_event(matching: Matching) -> None:
    await matching.say(mentor("mara"), mentor("milo"))
    await matching.say(mentee("ana"), correlation="the-request")

    await eventually(lambda: matching.mentors_of("ana"))

    [event] = await matching.events()
    told = json.loads(event["value"])
    assert {one["mentor"] for one in told["ranked"]} == {"mara", "milo"}
    assert told["recipients"] == [{"member": "ana", "institution": NORTH}]
    assert (told["cause"], event["headers"]["ce_correlationid"]) == ("own_change", "the-request")
    assert event["headers"]["ce_causationid"]
    assert (event["sequence"], event["bulk"]) == (1, False)
