"""Checks rounds, repairs and simulations after a crash: each has ended, and each effect exists once.

A round that waits for its coordinator has ended in this sense, and so has a plan. Files are read from their chunks.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from deploy import verify
from shared.contracts.matching import MenteeUnmatched, PairLapsed, RepairApplied, RoundPublished
from shared.mongo import Document
from tests.crash.outside import Seen, Snapshot

_UNFINISHED = {
    "rounds": {"draft", "running", "publishing"},
    "repairs": {"planning", "approved"},
    "rehearsals": {"running"},
}


def finished(seen: Snapshot) -> Iterator[str]:
    of = seen.documents["matching"]
    for name, states in _UNFINISHED.items():
        yield from (f"{name}: one is {job['state']} still" for job in of[name] if job["state"] in states)
    unexplained = (simulation for simulation in of["rehearsals"] if _is_unexplained(simulation))
    yield from ("simulations: one dropped without a reason" for _ in unexplained)
    yield from _left_over(of)
    for round in of["rounds"]:
        if round["solved"] and round["state"] != "dropped":
            yield from _files(round, of)
        if round["state"] == "published":
            yield from _publication(round, seen)
    for repair in of["repairs"]:
        if repair["state"] == "applied":
            yield from _repair(repair, seen)


def _is_unexplained(simulation: Document) -> bool:
    return simulation["state"] == "dropped" and not simulation["reason"]


def _left_over(of: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    """Files and places to which no round refers."""
    kept = [round for round in of["rounds"] if round["state"] != "dropped"]
    named = {file["key"] for round in kept for file in _named(round)}
    if left := {chunk["key"] for chunk in of["round_chunks"]} - named:
        yield f"{len(left)} files that no round names"
    editions = {round["solved"]["result"]["key"] for round in kept if round["solved"]}
    if lost := [place for place in of["places"] if place["edition"] not in editions]:
        yield f"{len(lost)} places of results that no round names"


def _named(round: Document) -> Iterator[Document]:
    yield round["orders"]
    for made, names in (("frozen", ("input", "people")), ("solved", ("input", "result"))):
        if round[made]:
            yield from (round[made][name] for name in names)


def _files(round: Document, of: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    contents = {}
    for name in ("input", "result"):
        file = round["solved"][name]
        chunks = [chunk for chunk in of["round_chunks"] if chunk["key"] == file["key"]]
        contents[name] = b"".join(chunk["content"] for chunk in sorted(chunks, key=lambda chunk: int(chunk["nth"])))
        if hashlib.sha256(contents[name]).hexdigest() != file["sha256"]:
            yield f"the {name} of a round is not the one that was solved"
            return
    try:
        verify.verify(contents["input"], contents["result"])
    except verify.Wrong as wrong:
        yield f"a round does not verify: {wrong}"
    result = {mentee["id"]: mentee["mentor"] is not None for mentee in json.loads(contents["result"])["mentees"]}
    places = {place["_id"].rpartition(".")[2]: place["mentor"] is not None for place in _places(round, of)}
    if places != result:
        yield f"{len(places)} places of {len(result)} in the result"


def _places(round: Document, of: Mapping[str, Sequence[Document]]) -> list[Document]:
    return [place for place in of["places"] if place["edition"] == round["solved"]["result"]["key"]]


def _publication(round: Document, seen: Snapshot) -> Iterator[str]:
    """Each pair of the result is a relationship, opened and published once, or lapsed with its reason."""
    of = seen.documents["matching"]
    places = _places(round, of)
    begun = {each["_id"]: each for each in of["relationships"] if each["round"] == round["_id"]}
    counts: Counter[str] = Counter(place["state"] for place in places)
    if rest := counts.keys() - {"opened", "lapsed", "unmatched"}:
        yield f"a published round has places that are {sorted(rest)}"
    opened = {place["relationship"]: _parties(place) for place in places if place["state"] == "opened"}
    if opened != {id: _parties(relationship) for id, relationship in begun.items()}:
        yield f"{counts['opened']} pairs of a round came true, {len(begun)} relationships began by it"
    yield from _notified_both(begun.values(), seen)
    closed = [place for place in places if place["state"] in {"lapsed", "unmatched"}]
    yield from ("a place says not why" for place in closed if not place["reason"])
    published = Counter(
        fact["place"] for fact in _facts(seen, PairLapsed, MenteeUnmatched) if fact["round"] == round["_id"]
    )
    if published != Counter(place["_id"] for place in closed):
        yield f"{len(closed)} places without a mentor, {published.total()} published"
    yield from _figures(round, counts, seen)


def _figures(round: Document, counts: Mapping[str, int], seen: Snapshot) -> Iterator[str]:
    published = [
        (fact["opened"], fact["lapsed"], fact["unmatched"], fact["input_sha256"], fact["result_sha256"])
        for fact in _facts(seen, RoundPublished)
        if fact["round"] == round["_id"]
    ]
    solved = round["solved"]
    numbers = counts["opened"], counts["lapsed"], counts["unmatched"]
    if published != [(*numbers, solved["input"]["sha256"], solved["result"]["sha256"])]:
        yield f"a round came to {numbers}, and was published {len(published)} times"


def _repair(repair: Document, seen: Snapshot) -> Iterator[str]:
    """Each step is carried out completely and once, or has a reason; no more people are moved than allowed."""
    of = seen.documents["matching"]
    steps = [step for step in of["repair_steps"] if step["repair"] == repair["_id"]]
    yield from ("a step of an applied repair is planned still" for step in steps if step["state"] == "planned")
    yield from ("a step says not why" for step in steps if step["state"] != "applied" and not step["reason"])
    moves = [move for step in steps if step["state"] == "applied" for move in step["moves"]]
    placed = sum(step["state"] == "applied" for step in steps)
    if len(moves) - placed > repair["bystanders_at_most"]:
        yield f"{len(moves) - placed} bystanders moved, {repair['bystanders_at_most']} might be"
    begun = [each for each in of["relationships"] if each["repair"] == repair["_id"]]
    if Counter(map(_pair, moves)) != Counter(map(_pair, begun)):
        yield f"{len(moves)} moves of a repair, {len(begun)} relationships began by it"
    left = {move["leaves"] for move in moves if move["leaves"]}
    if still := [each for each in of["relationships"] if each["_id"] in left and each["state"] != "closed"]:
        yield f"{len(still)} relationships that were left are {still[0]['state']}"
    yield from _notified_both(begun, seen)
    published = [fact for fact in _facts(seen, RepairApplied) if fact["repair"] == repair["_id"]]
    if [(fact["placed"], fact["bystanders_moved"]) for fact in published] != [(placed, len(moves) - placed)]:
        yield f"a repair placed {placed}, and was published {len(published)} times"


def _parties(document: Document) -> tuple[Document, Document]:
    return document["mentee"], document["mentor"]


def _pair(document: Document) -> tuple[str, str]:
    return document["mentee"]["member"], document["mentor"]["member"]


def _notified_both(relationships: Iterable[Document], seen: Snapshot) -> Iterator[str]:
    """Mentee and mentor have one notification each of every relationship."""
    notifications = Counter(
        (notification["member"], notification["occasion"])
        for notification in seen.documents["notifications"]["notifications"]
    )
    for relationship in relationships:
        occasion = f"relationship:{relationship['programme']}:{relationship['_id']}"
        both = [notifications[member, occasion] for member in _pair(relationship)]
        if both != [1, 1]:
            yield f"of a relationship mentee and mentor were notified {both} times"


def _facts(seen: Snapshot, *types: type) -> list[Document]:
    wanted = {("ce_type", payload.TYPE.encode()) for payload in types}
    facts: dict[str, Seen] = {
        record.id: record for record in seen.records["matching.events"] if wanted & set(record.headers)
    }
    return [json.loads(record.value) for record in facts.values()]
