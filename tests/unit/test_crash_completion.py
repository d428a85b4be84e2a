"""What the crash tests look for in rounds, repairs and simulations, each seen red on a made-up snapshot."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.matching.rounds.solver.solving import solve
from shared.contracts.matching import MenteeUnmatched, RepairApplied, RoundPublished
from tests.crash.completion import finished
from tests.crash.guarantees import published
from tests.crash.outside import Seen, Snapshot
from tests.unit.test_crash_guarantees import whole

Change = Callable[[Any], None]
HOME = "west"
WISH = {"mentor": "h1", "rank": 1, "mentor_rank": 1, "score": 80}
INPUT = json.dumps(
    {
        "format": "preceptor-round-input/1",
        "round": "spring",
        "target": "fit",
        "policy": {"id": "default"},
        "mentors": [{"id": "h1", "institution": HOME, "capacity": 1}],
        "mentees": [
            {"id": "m1", "institution": HOME, "wishes": [WISH]},
            {"id": "m2", "institution": HOME, "wishes": []},
        ],
    }
).encode()
RESULT = solve(INPUT).file()
ANA, BEN, MARA, MILO = ({"member": who, "institution": HOME} for who in ("ana", "ben", "mara", "milo"))


def fact(kind: Any, key: str, version: int = 2, **value: Any) -> Seen:
    headers = (("ce_type", kind.TYPE.encode()),)
    id, text = f"{key}.{version}", json.dumps(value)
    return Seen(partition=0, offset=0, key=f"{HOME}:{key}", sequence=version, id=id, value=text, headers=headers)


def ended() -> Any:
    """A round that brought two together and left one over, and a repair that placed one and moved one for it."""
    input_sha256, result_sha256 = (hashlib.sha256(content).hexdigest() for content in (INPUT, RESULT))
    files = {"input": {"key": "i", "sha256": input_sha256}, "result": {"key": "r", "sha256": result_sha256}}
    round = {
        "_id": "round",
        "institution": HOME,
        "version": 5,
        "state": "published",
        "orders": {"key": "o"},
        "frozen": {"input": files["input"], "people": {"key": "p"}},
        "solved": files,
    }
    place = {"edition": "r", "institution": "other", "reason": None}
    opened = {"_id": "r.m1", "mentee": ANA, "mentor": MARA, "state": "opened", "relationship": "one"}
    alone = {"_id": "r.m2", "mentee": BEN, "mentor": None, "state": "unmatched", "reason": "no_wishes", "version": 2}
    bond = {"programme": "care", "institution": HOME, "round": None, "repair": None, "state": "active", "version": 1}
    moves = [
        {"mentee": ANA, "mentor": MILO, "leaves": "one"},
        {"mentee": BEN, "mentor": MARA, "leaves": None},
    ]
    step = {"_id": "s", "repair": "repair", "state": "applied", "reason": None, "moves": moves}
    repair = {"_id": "repair", "institution": HOME, "version": 4, "state": "applied", "bystanders_at_most": 1}
    bonds = [
        {**bond, "_id": "one", "round": "round", "mentee": ANA, "mentor": MARA, "state": "closed", "version": 2},
        {**bond, "_id": "two", "repair": "repair", "mentee": ANA, "mentor": MILO},
        {**bond, "_id": "three", "repair": "repair", "mentee": BEN, "mentor": MARA},
    ]
    counts = {"opened": 1, "lapsed": 0, "unmatched": 1, "input_sha256": input_sha256, "result_sha256": result_sha256}
    chunks = {"o": b"{}", "p": b"{}", "i": INPUT, "r": RESULT}
    return {
        "rounds": [round],
        "round_chunks": [{"key": key, "nth": 0, "content": content} for key, content in chunks.items()],
        "places": [{**place, **opened}, {**place, **alone}],
        "relationships": bonds,
        "repairs": [repair],
        "repair_steps": [step],
        "rehearsals": [{"_id": "simulation", "state": "dropped", "reason": "expired"}],
        "notifications": [
            {"member": who["member"], "occasion": f"relationship:care:{relationship['_id']}"}
            for relationship in bonds
            for who in (relationship["mentee"], relationship["mentor"])
        ],
        "facts": [
            fact(RoundPublished, "round", 5, round="round", **counts),
            fact(MenteeUnmatched, "r.m2", round="round", place="r.m2"),
            fact(RepairApplied, "repair", 4, repair="repair", placed=1, bystanders_moved=1),
        ],
    }


def seen(of: Any) -> Snapshot:
    found = whole()
    documents = {
        "matching": {**found.documents["matching"], **{name: of[name] for name in of if name != "facts"}},
        "notifications": {**found.documents["notifications"], "notifications": of["notifications"]},
    }
    facts = {**found.records, "matching.events": of["facts"]}
    return replace(found, documents={**found.documents, **documents}, records=facts)


def changed(name: str, nth: int, **fields: Any) -> Change:
    return lambda of: of[name][nth].update(fields)


def without(name: str, nth: int) -> Change:
    return lambda of: of[name].pop(nth)


def doubled(name: str, nth: int, **fields: Any) -> Change:
    return lambda of: of[name].append({**of[name][nth], **fields})


def test_a_finished_run_violates_no_guarantee() -> None:
    assert list(finished(seen(ended()))) == []


@pytest.mark.parametrize(
    "change",
    [
        changed("rounds", 0, state="running"),
        changed("rounds", 0, state="publishing"),
        changed("round_chunks", 3, content=RESULT + b" "),
        without("round_chunks", 3),
        doubled("round_chunks", 0, key="left"),
        doubled("places", 0, edition="left"),
        without("places", 1),
        changed("places", 0, state="planned"),
        changed("places", 1, reason=None),
        without("relationships", 0),
        doubled("relationships", 0, _id="again"),
        without("notifications", 0),
        lambda of: of["notifications"].append(of["notifications"][0]),
        lambda of: of["facts"].pop(0),
        lambda of: of["facts"].pop(1),
        lambda of: of["facts"].append(replace(of["facts"][1], id="again")),
        changed("repairs", 0, state="approved"),
        changed("repairs", 0, bystanders_at_most=0),
        changed("repair_steps", 0, state="planned"),
        changed("repair_steps", 0, state="lapsed"),
        without("relationships", 1),
        changed("relationships", 0, state="active"),
        without("facts", 2),
        changed("rehearsals", 0, state="running"),
        changed("rehearsals", 0, reason=None),
    ],
)
def test_each_unfinished_state_is_reported(change: Change) -> None:
    of = ended()
    change(of)
    assert list(finished(seen(of)))


def test_a_rounds_fact_published_under_two_ids_is_reported() -> None:
    of = ended()
    of["facts"].append(replace(of["facts"][0], id="again"))
    assert any("said 2 things" in problem for problem in published(seen(of)))
