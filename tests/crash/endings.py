"""Rounds, repairs and rehearsals after a crash: each came to an end, and what it led to is there once.

A round that waits for its coordinator is at rest, and so is a plan. Files are read from their pieces, as a download is.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from deploy import verify
from shared.contracts.matching import MenteeUnmatched, PairLapsed, RepairApplied, RoundPublished
from shared.mongo import Document
from tests.crash.outside import Seen, Snapshot

_AT_WORK = {
    "rounds": {"draft", "running", "publishing"},
    "repairs": {"planning", "approved"},
    "rehearsals": {"running"},
}


def finished(seen: Snapshot) -> Iterator[str]:
    of = seen.documents["matching"]
    for name, states in _AT_WORK.items():
        yield from (f"{name}: one is {each['state']} still" for each in of[name] if each["state"] in states)
    yield from ("rehearsals: one dropped without a reason" for one in of["rehearsals"] if _is_mute(one))
    yield from _left_over(of)
    for round in of["rounds"]:
        if round["solved"] and round["state"] != "dropped":
            yield from _files(round, of)
        if round["state"] == "published":
            yield from _publication(round, seen)
    for repair in of["repairs"]:
        if repair["state"] == "applied":
            yield from _repair(repair, seen)


def _is_mute(rehearsal: Document) -> bool:
    return rehearsal["state"] == "dropped" and not rehearsal["reason"]


def _left_over(of: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    """Files and places that no round names."""
    kept = [one for one in of["rounds"] if one["state"] != "dropped"]
    named = {file["key"] for one in kept for file in _named(one)}
    if left := {one["key"] for one in of["round_chunks"]} - named:
        yield f"{len(left)} files that no round names"
    editions = {one["solved"]["result"]["key"] for one in kept if one["solved"]}
    if lost := [one for one in of["places"] if one["edition"] not in editions]:
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
        pieces = sorted((one for one in of["round_chunks"] if one["key"] == file["key"]), key=lambda one: one["nth"])
        contents[name] = b"".join(one["content"] for one in pieces)
        if hashlib.sha256(contents[name]).hexdigest() != file["sha256"]:
            yield f"the {name} of a round is not the one that was solved"
            return
    try:
        verify.verify(contents["input"], contents["result"])
    except verify.Wrong as wrong:
        yield f"a round does not verify: {wrong}"
    result = {one["id"]: one["mentor"] is not None for one in json.loads(contents["result"])["mentees"]}
    places = {one["_id"].rpartition(".")[2]: one["mentor"] is not None for one in _places(round, of)}
    if places != result:
        yield f"{len(places)} places of {len(result)} in the result"


def _places(round: Document, of: Mapping[str, Sequence[Document]]) -> list[Document]:
    return [one for one in of["places"] if one["edition"] == round["solved"]["result"]["key"]]


def _publication(round: Document, seen: Snapshot) -> Iterator[str]:
    """Each pair of the result is a relationship, begun and told once, or lapsed with its reason."""
    places = _places(round, seen.documents["matching"])
    begun = {one["_id"]: one for one in seen.documents["matching"]["relationships"] if one["round"] == round["_id"]}
    counts: Counter[str] = Counter(one["state"] for one in places)
    if rest := counts.keys() - {"opened", "lapsed", "unmatched"}:
        yield f"a published round has places that are {sorted(rest)}"
    opened = {one["relationship"]: (one["mentee"], one["mentor"]) for one in places if one["state"] == "opened"}
    if opened != {id: (one["mentee"], one["mentor"]) for id, one in begun.items()}:
        yield f"{counts['opened']} pairs of a round came true, {len(begun)} relationships began by it"
    yield from _told_to_both(begun.values(), seen)
    closed = [one for one in places if one["state"] in {"lapsed", "unmatched"}]
    yield from ("a place says not why" for one in closed if not one["reason"])
    told = Counter(fact["place"] for fact in _facts(seen, PairLapsed, MenteeUnmatched) if fact["round"] == round["_id"])
    if told != Counter(one["_id"] for one in closed):
        yield f"{len(closed)} places without a mentor, {told.total()} told"
    said = [
        (fact["opened"], fact["lapsed"], fact["unmatched"], fact["input_sha256"], fact["result_sha256"])
        for fact in _facts(seen, RoundPublished)
        if fact["round"] == round["_id"]
    ]
    solved = round["solved"]
    numbers = counts["opened"], counts["lapsed"], counts["unmatched"]
    if said != [(*numbers, solved["input"]["sha256"], solved["result"]["sha256"])]:
        yield f"a round came to {numbers}, and was told {len(said)} times"


def _repair(repair: Document, seen: Snapshot) -> Iterator[str]:
    """Each step is done whole and once, or says why not; no more are moved than may be."""
    of = seen.documents["matching"]
    steps = [one for one in of["repair_steps"] if one["repair"] == repair["_id"]]
    yield from ("a step of an applied repair is planned still" for one in steps if one["state"] == "planned")
    yield from ("a step says not why" for one in steps if one["state"] != "applied" and not one["reason"])
    moves = [move for one in steps if one["state"] == "applied" for move in one["moves"]]
    placed = sum(one["state"] == "applied" for one in steps)
    if len(moves) - placed > repair["bystanders_at_most"]:
        yield f"{len(moves) - placed} bystanders moved, {repair['bystanders_at_most']} might be"
    begun = [one for one in of["relationships"] if one["repair"] == repair["_id"]]
    if Counter(map(_pair, moves)) != Counter(map(_pair, begun)):
        yield f"{len(moves)} moves of a repair, {len(begun)} relationships began by it"
    left = {move["leaves"] for move in moves if move["leaves"]}
    if still := [one for one in of["relationships"] if one["_id"] in left and one["state"] != "closed"]:
        yield f"{len(still)} relationships that were left are {still[0]['state']}"
    yield from _told_to_both(begun, seen)
    told = [fact for fact in _facts(seen, RepairApplied) if fact["repair"] == repair["_id"]]
    if [(one["placed"], one["bystanders_moved"]) for one in told] != [(placed, len(moves) - placed)]:
        yield f"a repair placed {placed}, and was told {len(told)} times"


def _pair(one: Document) -> tuple[str, str]:
    return one["mentee"]["member"], one["mentor"]["member"]


def _told_to_both(relationships: Iterable[Document], seen: Snapshot) -> Iterator[str]:
    """In each one's inbox there is one notification of it."""
    told = Counter((one["member"], one["occasion"]) for one in seen.documents["notifications"]["notifications"])
    for one in relationships:
        occasion = f"relationship:{one['programme']}:{one['_id']}"
        both = [told[party, occasion] for party in _pair(one)]
        if both != [1, 1]:
            yield f"of a relationship mentee and mentor were told {both} times"


def _facts(seen: Snapshot, *types: type) -> list[Document]:
    wanted = {("ce_type", one.TYPE.encode()) for one in types}
    facts: dict[str, Seen] = {one.id: one for one in seen.records["matching.events"] if wanted & set(one.headers)}
    return [json.loads(one.value) for one in facts.values()]
