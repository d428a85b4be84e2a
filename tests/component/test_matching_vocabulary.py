"""From a changed term to the lists of those whom it touches, on a real MongoDB."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.matching.projections.repository import PARTICIPANTS, ProjectedDocuments
from services.matching.projections.vocabulary import RESOLVED, ProjectedVocabulary, follow_terms
from services.profiles.vocabulary.domain.terms import Term, facts, with_names
from shared.contracts.payload import Payload
from shared.contracts.profiles import ProgrammeLimits
from tests.component.matching_kit import (
    NORTH,
    SOUTH,
    Matching,
    institution,
    mentee,
    mentor,
    programme,
    running,
    signed_in,
)
from tests.eventually import eventually

CAREER = Term(id="career-development", kind="topic", labels={"en": "Career development"})
ACROSS: dict[str, Any] = {"across_institutions": True}


def fact(term: Term) -> Payload:
    [state] = facts(term)
    return state


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    work = ("lists", "vocabulary")
    async with running(mongo_uri, kafka_bootstrap, issuer, work=work, coalesce_seconds=0) as matching:
        exchange = institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,))
        await matching.receive(*exchange, programme(limits=ProgrammeLimits(minimum_score=75)))
        await matching.receive(fact(CAREER))
        yield matching


async def resolved(matching: Matching, member: str) -> dict[str, Any]:
    document = await matching.database[PARTICIPANTS].find_one({"_id": member})
    assert document is not None
    return dict(document[RESOLVED])


async def test_a_name_that_an_institution_maps_brings_its_mentor_onto_anothers_list_once(matching: Matching) -> None:
    milo = mentor("milo", SOUTH, topics_offered=("karriereplanung",), **ACROSS)
    await matching.receive(milo, mentee("ana", NORTH, topics_wanted=("career-development",), **ACROSS))
    await matching.until_list("ana")

    await matching.receive(fact(with_names(CAREER, SOUTH, ["Karriereplanung"])), correlation="mapped")

    await matching.until_list("ana", "milo")
    *_, event = await matching.events()
    data = json.loads(event["value"])
    assert (data["entered"], data["cause"]) == (["milo"], "others_change")
    assert data["recipients"] == [{"member": "ana", "institution": NORTH}]
    assert event["headers"]["ce_correlationid"] == "mapped"
    document = await matching.database[PARTICIPANTS].find_one({"_id": "milo"})
    assert document is not None
    assert document["topics_offered"] == ["karriereplanung"]
    await eventually(lambda: _is_worked_off(matching), message="no command is left")
    entered = [event for event in await matching.events() if "milo" in json.loads(event["value"])["entered"]]
    assert len(entered) == 1

    await matching.receive(fact(CAREER))
    await matching.until_list("ana")


async def test_a_term_that_arrives_while_members_are_written_misses_none_of_them(matching: Matching) -> None:
    names = with_names(CAREER, SOUTH, ["Karriereplanung"])
    copies = ProjectedDocuments(matching.database)
    people = [mentor(f"mentor-{number}", SOUTH, topics_offered=("karriereplanung",)) for number in range(40)]
    await copies.fold_members([matching.received(mentor("first", SOUTH))])
    await asyncio.gather(
        *(copies.fold_members([matching.received(person)]) for person in people[:20]),
        matching.receive(fact(names)),
        *(copies.fold_members([matching.received(person)]) for person in people[20:]),
    )

    async def all_are_resolved() -> bool:
        return await matching.database[PARTICIPANTS].count_documents({f"{RESOLVED}.offered": CAREER.id}) == 40

    await eventually(all_are_resolved, message="every mentor offers the term")


async def test_documents_of_an_older_release_and_a_rebuilt_vocabulary_are_resolved(matching: Matching) -> None:
    ana = mentee("ana", topics_wanted=("career_development",))
    await matching.receive(ana)
    assert (await resolved(matching, "ana"))["wanted"] == [CAREER.id]
    await matching.database[PARTICIPANTS].update_one({"_id": "ana"}, {"$unset": {RESOLVED: ""}})

    async def is_resolved() -> bool:
        document = await matching.database[PARTICIPANTS].find_one({"_id": "ana"})
        return bool(document and document.get(RESOLVED, {}).get("wanted") == [CAREER.id])

    await eventually(is_resolved, message="a document without resolved topics is resolved")
    await matching.database[PARTICIPANTS].update_one({"_id": "ana"}, {"$set": {f"{RESOLVED}.wanted": ["x"]}})
    assert await follow_terms(matching.database) == 1
    await eventually(is_resolved, message="after a rebuild its members are resolved again")


async def test_a_record_delivered_again_by_a_process_that_knows_more_is_resolved_again(matching: Matching) -> None:
    [record] = [matching.received(mentor("milo", SOUTH, topics_offered=("karriereplanung",)))]
    stale = ProjectedDocuments(matching.database)
    await stale.fold_members([record])
    await matching.database["vocabulary"].update_one({}, {"$inc": {"revision": 1}})
    named = fact(with_names(CAREER, SOUTH, ["Karriereplanung"]))
    body = {"institution_slugs": [{"institution": SOUTH, "slugs": ["karriereplanung"]}]}
    assert named.aggregate == CAREER.id
    await matching.database["terms"].update_one({"_id": CAREER.id}, {"$set": body})

    await ProjectedDocuments(matching.database).fold_members([record])

    assert (await resolved(matching, "milo"))["offered"] == [CAREER.id]


async def test_the_directory_finds_mentors_by_any_name_of_a_topic(matching: Matching) -> None:
    await matching.receive(fact(with_names(CAREER, NORTH, ["Karriere"])))
    ana = mentee("ana", NORTH, topics_wanted=("career-development",))
    await matching.receive(mentor("milo", NORTH, topics_offered=("career_development",)), ana, signed_in(ana))
    for name in ("karriere", "career-development"):
        answer = await matching.get("/me/mentors", "ana", NORTH, programme="care", topic=name)
        assert [found["mentor"] for found in answer.json()["items"]] == ["milo"], answer.text


async def test_no_document_is_written_for_a_term_that_touches_no_member(matching: Matching) -> None:
    await matching.receive(mentor("milo", topics_offered=("sepsis",)))
    before = await matching.database[PARTICIPANTS].find_one({"_id": "milo"})
    await matching.receive(fact(Term(id="shock", kind="topic", labels={"en": "Shock"})))
    await ProjectedVocabulary(matching.database).resolve_again()
    assert await matching.database[PARTICIPANTS].find_one({"_id": "milo"}) == before


async def _is_worked_off(matching: Matching) -> bool:
    return await matching.database["changed_terms"].count_documents({}) == 0
