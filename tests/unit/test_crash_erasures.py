"""What the crash tests look for after an erasure, each seen red on a made-up snapshot."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.mentorships import MentorshipsErasureCompleted
from shared.contracts.notifications import NotificationsErasureCompleted
from tests.crash.guarantees import AT_REST, wrong
from tests.crash.outside import Seen, Snapshot
from tests.unit.test_crash_guarantees import KEY, opening, seen, whole

Change = Callable[[Any], None]
MENTOR = {"member": "m", "institution": "west"}
PAIR = {"_id": "r", "institution": "west", "sequence": 1, "mentee": {"member": "x"}, "mentor": MENTOR}
COPIES = [
    ("matching", "participants"),
    ("matching", "preferences"),
    ("mentorships", "people"),
    ("mentorships", "mentors"),
    ("notifications", "contacts"),
]


def tombstone(sequence: int) -> Seen:
    return replace(seen(sequence), value="")


def receipt(kind: Any, offset: int, *, id: str = "receipt") -> Seen:
    fact = seen(1, key="west:e", offset=offset, id=id, erasure="e", member="m")
    return replace(fact, headers=(("ce_type", kind.TYPE.encode()),))


def marker(sequence: int) -> dict[str, Any]:
    traced = {"event": "f", "correlation": "c"}
    return {"_id": "m", "institution": "west", "sequence": sequence, "erased": True, **traced}


def erased() -> Snapshot:
    """The member of `whole`, the mentor of its relationship, is erased everywhere."""
    found: Any = deepcopy(whole())
    records, documents = found.records, found.documents
    records["profiles.members"].append(tombstone(3))
    records["profiles.preferences"] = [tombstone(1)]
    records["profiles.contacts"] = [tombstone(1)]
    records["profiles.mentoring"] = [tombstone(1)]
    records["profiles.erasures"] = [seen(1, erasure="e", member="m")]
    of_matching = records["matching.events"]
    of_matching[2] = replace(opening(), value=json.dumps({"recipients": [], "mentor": MENTOR}))
    of_matching.append(receipt(MatchingErasureCompleted, 3))
    records["mentorships.events"] = [receipt(MentorshipsErasureCompleted, 0)]
    records["notifications.events"].append(receipt(NotificationsErasureCompleted, 2))
    sequences = {"members": 3, "preferences": 1, "contacts": 1, "mentoring": 1, "erasures": 1}
    request = {"_id": "e", "institution": "west", "member": "m", "requested_by": "member", "state": "completed"}
    receipts = dict.fromkeys(("profiles", "matching", "mentorships", "notifications"), "today")
    documents["profiles"] |= {
        "members": [],
        "relations": [],
        "erased_members": [{"_id": "m", "institution": "west", "sequences": sequences}],
        "erasures": [{**request, "receipts": receipts}],
    }
    documents["matching"] |= {
        "participants": [marker(3)],
        "preferences": [marker(1)],
        "seats": [],
        "erasures": [{"_id": "e", "institution": "west", "waits": False}],
    }
    documents["matching"]["relationships"][0] |= {"state": "closed", "mentee": {"member": "x"}, "mentor": MENTOR}
    documents["mentorships"] |= {
        "people": [marker(1)],
        "mentors": [marker(3)],
        "erasures": [{"_id": "e", "institution": "west"}],
    }
    documents["notifications"] |= {
        "contacts": [marker(1)],
        "recipients": [],
        "notifications": [],
        "deliveries": [],
        "erasures": [{"_id": "e"}],
    }
    ends = {(topic, 0): len(of) for topic, of in records.items()}
    committed = {group: {place: ends[place] for place in places} for group, places in found.committed.items()}
    return replace(found, ends=ends, committed=committed)


def documents(service: str, collection: str, *there: dict[str, Any]) -> Change:
    def change(found: Any) -> None:
        found.documents[service][collection] = list(there)

    return change


def records(topic: str, *there: Seen) -> Change:
    def change(found: Any) -> None:
        found.records[topic] = list(there)

    return change


def outstanding(found: Any) -> None:
    found.documents["profiles"]["erasures"][0]["receipts"].pop("matching")


def test_an_erasure_that_every_service_carried_out_violates_nothing() -> None:
    assert wrong(erased()) == {}


@pytest.mark.parametrize(
    ("guarantee", "change"),
    [
        ("published", records("profiles.members", seen(1), seen(2))),
        ("published", records("profiles.erasures")),
        ("published", documents("profiles", "erased_members")),
        ("published", documents("matching", "erasures", {"_id": "e", "institution": "west", "waits": True})),
        ("copied", documents("matching", "participants", marker(2))),
        ("copied", documents("notifications", "contacts")),
        ("once", documents("notifications", "recipients", {"_id": KEY, "position": 2})),
        ("offsets", documents("matching", "erasures")),
        ("offsets", documents("notifications", "erasures")),
        ("offsets", outstanding),
        ("forgotten", outstanding),
        ("forgotten", documents("profiles", "erased_members")),
        ("forgotten", records("notifications.events")),
        (
            "forgotten",
            records(
                "matching.events",
                receipt(MatchingErasureCompleted, 0),
                receipt(MatchingErasureCompleted, 1, id="another"),
            ),
        ),
    ],
)
def test_each_violated_guarantee_of_an_erasure_is_reported(guarantee: str, change: Change) -> None:
    found = erased()
    change(found)
    assert list(AT_REST[guarantee](found))


@pytest.mark.parametrize(
    ("service", "collection", "left"),
    [
        ("profiles", "members", {"_id": "m"}),
        ("profiles", "invitations", {"member": "m"}),
        ("profiles", "relations", PAIR),
        ("profiles", "suggested", {"mentee": MENTOR}),
        ("profiles", "outbox", {"topic": "profiles.contacts", "key": KEY, "value": "{}"}),
        *((service, copy, {**marker(3), "erased": False}) for service, copy in COPIES),
        *((service, copy, {**marker(3), "stage": "resident"}) for service, copy in COPIES),
        ("matching", "departures", {"_id": "m"}),
        ("matching", "lists", {"mentee": "m", "entries": [{"mentor": "x"}]}),
        ("matching", "lists", {"mentee": "x", "entries": [{"mentor": "m"}]}),
        ("matching", "requests", {**PAIR, "state": "pending", "message": ""}),
        ("matching", "requests", {"mentee": MENTOR, "mentor": {"member": "x"}, "state": "declined", "message": "Hi"}),
        ("matching", "relationships", {**PAIR, "state": "on_hold"}),
        ("notifications", "recipients", {"_id": KEY}),
        ("notifications", "notifications", {"member": "m"}),
        ("notifications", "deliveries", {"member": "m"}),
    ],
)
def test_any_remaining_data_of_an_erased_member_is_found(service: str, collection: str, left: dict[str, Any]) -> None:
    found: Any = erased()
    found.documents[service][collection] = [left]
    assert list(AT_REST["forgotten"](found)) == [f"{service} {collection}: 1 documents of an erased member"]
