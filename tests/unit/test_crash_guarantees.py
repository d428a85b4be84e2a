"""What the crash tests look for, each seen red on a made-up snapshot; and their page, made from their results alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy import guarantees as pages
from deploy.api_client import opened
from deploy.guarantees import GUARANTEES, Row
from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from shared.contracts.matching import RelationshipOpened
from tests.crash.guarantees import AT_REST, offsets_behind_effects, wrong
from tests.crash.outside import GROUPS, TOPICS, Seen, Snapshot
from tests.crash.world import World

KEY, LIST = "west:m", "west:p.m"
LISTED = {"_id": "p.m", "institution": "west", "mentee": "m", "programme": "p", "version": 2, "entries": []}
MAIL = {"_id": "d", "member": "m", "occasion": "suggestions:p:own", "open": False, "state": "sent"}
RECIPIENT = {"institution": "west", "member": "m"}
RELATIONSHIP = {"_id": "r", "institution": "west", "version": 1, "state": "active", "mentor": {"member": "m"}}


def seen(sequence: int, *, id: str = "", offset: int = -1, key: str = KEY, **value: Any) -> Seen:
    offset = sequence - 1 if offset < 0 else offset
    return Seen(
        partition=0, offset=offset, key=key, sequence=sequence, id=id or f"{key}{sequence}", value=json.dumps(value)
    )


def fact(version: int, **other: Any) -> Seen:
    return seen(version, key=LIST, recipients=[RECIPIENT], **other)


def opening(id: str = "opened") -> Seen:
    """The beginning of the one relationship."""
    headers = (("ce_type", RelationshipOpened.TYPE.encode()),)
    return replace(seen(1, key="west:r", id=id, offset=2, recipients=[]), headers=headers)


def notification_recorded(position: int) -> Seen:
    return seen(1, key=f"west:n{position}", offset=position - 1, position=position, **RECIPIENT)


def whole() -> Snapshot:
    """One member changed twice, whose list changed twice, with a notification each time."""
    records = {
        **{topic: [] for topic in TOPICS},
        "profiles.members": [seen(1), seen(2)],
        "matching.events": [fact(1), fact(2), opening()],
        "notifications.events": [
            seen(1, key="west:n", position=1, **RECIPIENT),
            seen(2, key="west:n", position=2, **RECIPIENT),
        ],
    }
    member = {"_id": "m", "institution": "west", "sequences": {"members": 2}}
    data = {"member": "m", "programme": "p", "occasion": "suggestions:p:own", "read": False, "position": 2, "now": []}
    return Snapshot(
        committed={group: {(topic, 0): len(records[topic]) for topic in topics} for group, topics in GROUPS.items()},
        ends={(topic, 0): len(of) for topic, of in records.items()},
        records=records,
        documents={
            "profiles": {
                **{name: [] for name in ("institutions", "programmes", "outbox", "suggested", "invitations")},
                **{name: [] for name in ("erasures", "erased_members")},
                "members": [member],
                "relations": [{"_id": "r", "sequence": 1}],
            },
            "matching": {
                "institutions": [],
                "programmes": [],
                "preferences": [],
                "outbox": [],
                "parked": [],
                "participants": [{"_id": "m", "sequence": 2, "capacity": 1}],
                "lists": [LISTED],
                "requests": [],
                "relationships": [RELATIONSHIP],
                "seats": [{"_id": "m", "taken": 1}],
                **{name: [] for name in ("rounds", "round_chunks", "places", "repairs", "repair_steps", "rehearsals")},
                **{name: [] for name in ("departures", "erasures")},
            },
            "mentorships": {
                **{name: [] for name in ("people", "programmes", "outbox", "parked", "mentorships", "erasures")},
                "mentors": [{"_id": "m", "sequence": 2}],
            },
            "notifications": {
                "institutions": [],
                "programmes": [],
                "contacts": [],
                "outbox": [],
                "parked": [],
                "erasures": [],
                "inbox": [{"_id": f"notifications.reaction:{id}"} for id in (f"{LIST}1", f"{LIST}2", "opened")],
                "recipients": [{"_id": "west:m", "position": 2}],
                "notifications": [data],
                "deliveries": [MAIL],
            },
        },
    )


def with_records(topic: str, *records: Seen) -> Snapshot:
    found = whole()
    return replace(found, records={**found.records, topic: list(records)})


def with_documents(service: str, collection: str, *documents: dict[str, Any]) -> Snapshot:
    found = whole()
    there = {**found.documents[service], collection: list(documents)}
    return replace(found, documents={**found.documents, service: there})


def pending(**row: Any) -> dict[str, Any]:
    return {"_id": "x", "topic": "profiles.members", "key": KEY, "sequence": 3, "status": "pending", **row}


def behind(group: str, topic: str) -> Snapshot:
    found = whole()
    return replace(found, committed={**found.committed, group: {(topic, 0): 1}})


def test_a_consistent_history_violates_no_guarantee() -> None:
    assert wrong(whole()) == {}


def test_a_record_published_twice_violates_no_guarantee() -> None:
    assert wrong(with_records("profiles.members", seen(1), seen(2), seen(1, offset=2), seen(2, offset=3))).keys() <= {
        "offsets"
    }


@pytest.mark.parametrize(
    ("guarantee", "snapshot"),
    [
        ("published", with_records("profiles.members", seen(1))),
        ("mailed", with_documents("notifications", "deliveries")),
        ("mailed", with_documents("notifications", "deliveries", MAIL | {"state": "sending"})),
        ("mailed", with_documents("notifications", "deliveries", *(MAIL | {"_id": n, "open": True} for n in "ab"))),
        ("published", with_records("profiles.members", seen(1), seen(2), seen(3))),
        ("published", with_records("profiles.members", seen(1), seen(2), seen(2, name="otherwise", offset=2))),
        ("published", with_records("matching.events", fact(1), fact(2), fact(2, id="another", offset=2))),
        ("published", with_records("matching.events", fact(2))),
        ("published", with_documents("profiles", "outbox", pending())),
        ("published", with_documents("profiles", "outbox", pending(status="sent"))),
        ("ordered", with_records("profiles.members", seen(2), seen(1))),
        ("ordered", with_records("profiles.members", seen(1), seen(2), seen(1, offset=2))),
        ("ordered", with_records("profiles.members", seen(1), replace(seen(2), partition=1))),
        ("once", with_documents("notifications", "inbox")),
        ("once", with_documents("notifications", "recipients", {"_id": "west:m", "position": 3})),
        ("once", with_documents("notifications", "recipients")),
        ("once", with_documents("matching", "parked", {"reason": "malformed", "dropped_at": None})),
        ("copied", with_documents("matching", "participants", {"_id": "m", "sequence": 1})),
        ("copied", with_documents("matching", "participants")),
        ("copied", with_documents("mentorships", "people", {"_id": "m", "sequence": 1})),
        ("copied", with_documents("mentorships", "mentors")),
        ("offsets", behind("matching.projection", "profiles.members")),
        ("offsets", behind("notifications.reaction", "matching.events")),
        ("offsets", behind("profiles.projection", "matching.events")),
        ("offsets", with_documents("profiles", "relations")),
        ("notified", with_records("notifications.events", seen(1, key="west:n", position=1, **RECIPIENT))),
        ("notified", with_documents("notifications", "notifications")),
        ("notified", with_documents("matching", "lists", {**LISTED, "entries": [{"mentor": "h"}]})),
        ("notified", with_records("matching.events", fact(1), fact(2, ranked=[{"mentor": "h", "rank": 1}]), opening())),
        ("seated", with_documents("matching", "seats", {"_id": "m", "taken": 2})),
        ("seated", with_documents("matching", "seats")),
        ("seated", with_documents("matching", "participants", {"_id": "m", "sequence": 2, "capacity": 0})),
        ("seated", with_records("matching.events", fact(1), fact(2))),
        ("seated", with_records("matching.events", opening(), opening("again"))),
        ("published", with_documents("matching", "relationships")),
    ],
)
def test_each_violated_guarantee_is_reported(guarantee: str, snapshot: Snapshot) -> None:
    assert list(AT_REST[guarantee](snapshot))


@pytest.mark.parametrize(
    "snapshot",
    [
        with_documents("matching", "participants", {"_id": "m", "sequence": 1}),
        with_documents("notifications", "inbox", {"_id": f"notifications.reaction:{LIST}1"}),
    ],
)
def test_an_offset_committed_before_its_effect_is_reported(snapshot: Snapshot) -> None:
    assert list(offsets_behind_effects(whole())) == []
    assert list(offsets_behind_effects(snapshot))


@pytest.mark.parametrize(("recipients", "wrong"), [([RECIPIENT], []), ([], ["notified"])])
async def test_a_reordered_list_without_a_notification_of_its_mentee_is_reported(
    recipients: list[dict[str, str]], wrong: list[str], tmp_path: Path
) -> None:
    def ranked(*mentors: str) -> dict[str, Any]:
        return {"mentee": "m", "ranked": [{"mentor": mentor, "rank": n} for n, mentor in enumerate(mentors, 1)]}

    issuer = LocalIssuer.load_or_create(tmp_path)
    found = with_records(
        "matching.events", fact(1, **ranked("a", "b")), seen(2, key=LIST, recipients=recipients, **ranked("b", "a"))
    )
    member = {"_id": "m", "topics_wanted": ["sepsis"]}
    listed = {**LISTED, "entries": [{"mentor": "b"}, {"mentor": "a"}]}
    documents = {
        **found.documents,
        "profiles": {**found.documents["profiles"], "members": [member]},
        "matching": {**found.documents["matching"], "lists": [listed]},
    }
    async with opened({}, issuer, SystemClock()) as api:
        world = World(api, mentors={"sepsis": "b"}, wanted={"m": {"topics_wanted": ["sepsis"]}})
    assert list(world.wrong(replace(found, documents=documents))) == wrong


def test_a_place_holds_only_what_held_at_each_arrival() -> None:
    holds = dict.fromkeys(GUARANTEES, True)
    rows = [
        Row(crash="a.relay.before-mark:1", holds=holds, figures={"settled": 2.0}),
        Row(crash="a.relay.before-mark:4", holds={**holds, "notified": False}, figures={"settled": 1.0}),
        Row(crash="the broker is killed", holds=holds, figures={"until it published": 3.0}),
        Row(crash="a test that failed", holds={}),
    ]
    text = pages.page(rows, when="today", machine="this")
    [place] = [line for line in text.splitlines() if line.startswith("| `a.relay.before-mark`")]
    assert place.count("yes") == len(GUARANTEES) - 1
    assert "| 1, 4 |" in place
    assert "| 2.0 s |" in place
    [failed] = [line for line in text.splitlines() if "a test that failed" in line]
    assert failed.count("**no**") == len(GUARANTEES)
    assert "until it published 3.0" in text


def test_a_guarantee_that_an_older_row_did_not_check_has_no_result() -> None:
    text = pages.page([Row(crash="an older row", holds={"published": True})], when="today", machine="this")
    [row] = [line for line in text.splitlines() if "an older row" in line]
    assert (row.count("yes"), row.count("**no**")) == (1, 0)


def test_the_guarantees_page_is_generated_from_its_results() -> None:
    assert pages.PAGE.read_text(encoding="utf-8") == pages.from_data()
