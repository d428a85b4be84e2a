"""What must hold after any crash: each a function from what an outsider sees to sentences on what is wrong."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from services.profiles.cards.repository import COPIES as RELATION_COPIES
from shared.contracts.matching import RelationshipOpened
from shared.epochs import count_of, epoch_of
from shared.mongo import Document
from tests.crash.endings import finished
from tests.crash.outside import GROUPS, Seen, Snapshot

Guarantee = Callable[[Snapshot], Iterator[str]]

_COPIES = (
    ("matching", "institutions", "institutions", "institutions"),
    ("matching", "programmes", "programmes", "programmes"),
    ("matching", "participants", "members", "members"),
    ("matching", "preferences", "members", "preferences"),
    ("notifications", "institutions", "institutions", "institutions"),
    ("notifications", "programmes", "programmes", "programmes"),
    ("notifications", "contacts", "members", "contacts"),
)
"""Service, its copy, and the collection and topic of profiles that it is a copy of."""
_RELATED = ("relations", "suggested")
_RELATING = {kind.TYPE for copy in RELATION_COPIES for kind in (copy.payload, *copy.further)}
"""What profiles keeps of matching's facts, and of which."""
_REACTION = "notifications.reaction"
POISON = "poison-"
"""In the ids of facts that a test has put there and none of the world's accounts for."""


def published(seen: Snapshot) -> Iterator[str]:
    """Every committed change is in its topic and says one thing there, and nothing that was never committed."""
    wanted, seldom = _committed_sequences(seen), _told_seldom(seen)
    for topic, by_key in wanted.items():
        there: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for record in seen.records[topic]:
            # A state may be told again under a new id: what it says at this sequence must be the same.
            said = record.id if topic == "matching.events" else record.value
            there[record.key][record.sequence].add(said)
        for key in (by_key.keys() | there.keys()) - seldom:
            if not _is_whole(there[key].keys(), last=by_key.get(key, 0)):
                yield f"{topic} {key}: {sorted(there[key])} published of {by_key.get(key, 0)}"
        yield from (
            f"{topic} {key}: {n} said {len(said)} things"
            for key, of_key in there.items()
            for n, said in of_key.items()
            if len(said) > 1
        )
    yield from _outboxes(seen)


def _is_whole(sequences: Collection[int], *, last: int) -> bool:
    """Each in a row from the first to the last. A restored backup begins an epoch, of which nothing may be told yet."""
    rows: dict[int, list[int]] = defaultdict(list)
    for sequence in sequences:
        rows[epoch_of(sequence)].append(count_of(sequence))
    in_a_row = all(max(row) - min(row) + 1 == len(row) for row in rows.values())
    first = min(rows, default=0)
    told = max(sequences, default=0)
    is_last = told == last or (epoch_of(told) < epoch_of(last) and count_of(told) == count_of(last))
    return in_a_row and is_last and min(rows.get(first, [1])) == 1


def _outboxes(seen: Snapshot) -> Iterator[str]:
    ids = {record.id for records in seen.records.values() for record in records}
    for service, collections in seen.documents.items():
        for row in collections["outbox"]:
            if row["topic"] not in seen.records:
                continue
            if row["status"] == "pending":
                yield f"{service}: {row['topic']} {row['key']} {row['sequence']} waits in the outbox"
            elif row["_id"] not in ids:
                yield f"{service}: {row['topic']} {row['key']} {row['sequence']} is marked sent and was not"


def _committed_sequences(seen: Snapshot) -> Mapping[str, Mapping[str, int]]:
    """By topic and key, the last sequence that a document says was given."""
    wanted: dict[str, dict[str, int]] = {topic: {} for topic in seen.records if topic != "notifications.events"}
    for name in ("institutions", "programmes", "members"):
        for document in seen.documents["profiles"][name]:
            for topic, sequence in document["sequences"].items():
                wanted[f"profiles.{topic}"][f"{document['institution']}:{document['_id']}"] = sequence
    for name in ("lists", "requests", "relationships"):
        for one in seen.documents["matching"][name]:
            wanted["matching.events"][f"{one['institution']}:{one['_id']}"] = one["version"]
    return wanted


def _told_seldom(seen: Snapshot) -> set[str]:
    """Keys of which some versions are told and some are not: `finished` knows which."""
    names = ("rounds", "places", "repairs")
    return {f"{_home(one)}:{one['_id']}" for name in names for one in seen.documents["matching"][name]}


def _home(one: Document) -> str:
    """A place's facts are its mentee's, whosever the round is."""
    return str(one["mentee"]["institution"] if "edition" in one else one["institution"])


def ordered(seen: Snapshot) -> Iterator[str]:
    """Per key: one partition, first arrivals rise, and what was appended last is the newest (compaction keeps it)."""
    for topic, records in seen.records.items():
        by_key: dict[str, list[Seen]] = defaultdict(list)
        for record in records:
            by_key[record.key].append(record)
        for key, of_key in by_key.items():
            if len({record.partition for record in of_key}) > 1:
                yield f"{topic} {key}: in several partitions"
            arrivals = list(dict.fromkeys(record.sequence for record in of_key))
            if arrivals != sorted(arrivals):
                yield f"{topic} {key}: {arrivals} arrived in this order"
            if of_key[-1].sequence != max(arrivals):
                yield f"{topic} {key}: its head is {of_key[-1].sequence}, behind {max(arrivals)}"


def once(seen: Snapshot) -> Iterator[str]:
    """As many marks as facts, each recipient's counter rose once for each fact that names them, nothing is parked."""
    for service, collections in seen.documents.items():
        waits = [one for one in collections.get("parked", ()) if not one["dropped_at"]]
        yield from (f"{service}: {one['reason']} is parked" for one in waits)
    facts = {record.id: record for record in seen.records["matching.events"] if _is_for_people(record)}
    of = seen.documents["notifications"]
    marked = {mark["_id"].split(":", 1)[1] for mark in of["inbox"] if POISON not in mark["_id"]}
    if marked != facts.keys():
        yield f"{len(facts.keys() - marked)} facts without a mark, {len(marked - facts.keys())} marks without a fact"
    owed: Counter[str] = Counter()
    for fact in facts.values():
        owed.update(f"{to['institution']}:{to['member']}" for to in json.loads(fact.value)["recipients"])
    counted = {counter["_id"]: count_of(counter["position"]) for counter in of["recipients"]}
    if counted != dict(owed):
        wrong = [(owed[who], counted.get(who, 0)) for who in owed.keys() | counted.keys()]
        yield f"tellings of recipients, owed and counted: {[pair for pair in wrong if pair[0] != pair[1]]}"


def _is_for_people(record: Seen) -> bool:
    """Of a round or a repair as such nobody hears."""
    return "recipients" in json.loads(record.value)


def copied(seen: Snapshot) -> Iterator[str]:
    """Each copy is at the sequence that its owner's document has given."""
    for service, copy, collection, topic in _COPIES:
        there = {one["_id"]: one["sequence"] for one in seen.documents[service][copy]}
        owned = {
            one["_id"]: one["sequences"][topic]
            for one in seen.documents["profiles"][collection]
            if topic in one["sequences"]
        }
        wrong = [id for id in owned.keys() | there.keys() if owned.get(id) != there.get(id)]
        if wrong:
            yield f"{service} {copy}, copied and owned: {[(there.get(id), owned.get(id)) for id in wrong]}"


def told(seen: Snapshot) -> Iterator[str]:
    """Each recipient's notifications: all positions published once, at most one unread per occasion, the newest as the
    last fact that was news to them said; and it names who is on the list, in whichever order by now, unless later
    changes were suppressed because the mentee has a mentor.
    """
    of = seen.documents["notifications"]
    positions: dict[str, dict[str, int]] = defaultdict(dict)
    for record in seen.records["notifications.events"]:
        event = json.loads(record.value)
        positions[f"{event['institution']}:{event['member']}"][record.id] = event["position"]
    for counter in of["recipients"]:
        published = sorted(map(count_of, positions[counter["_id"]].values()))
        if published != list(range(1, count_of(counter["position"]) + 1)):
            yield f"{counter['position']} tellings, published {sorted(positions[counter['_id']].values())}"
    unread = Counter((one["member"], one["occasion"]) for one in of["notifications"] if not one["read"])
    yield from (f"{occasion}: {count} unread for one member" for (_, occasion), count in unread.items() if count > 1)
    yield from _newest_as_listed(seen, of["notifications"])


def _newest_as_listed(seen: Snapshot, notifications: Sequence[Document]) -> Iterator[str]:
    news: dict[str, list[str]] = {}
    suppressed: set[str] = set()
    for record in sorted(seen.records["matching.events"], key=lambda one: one.sequence):
        fact = json.loads(record.value)
        if fact.get("suppressed"):
            suppressed.add(record.key)
        if fact.get("recipients") and "ranked" in fact:
            news[record.key] = [one["mentor"] for one in sorted(fact["ranked"], key=lambda one: int(one["rank"]))]
            suppressed.discard(record.key)
    newest: dict[tuple[str, str], Document] = {}
    for one in sorted(notifications, key=lambda one: one["position"]):
        if not one["occasion"].startswith("suggestions:"):
            continue
        newest[one["member"], one["programme"]] = one
    for one in seen.documents["matching"]["lists"]:
        last = newest.get((one["mentee"], one["programme"]))
        told_of = None if last is None else [mentor["member"] for mentor in last["now"]]
        key = f"{one['institution']}:{one['_id']}"
        said = news.get(key, told_of)
        listed = {entry["mentor"] for entry in one["entries"]}
        if told_of is None or told_of != said or (key not in suppressed and set(told_of) != listed):
            yield f"version {one['version']} of a list: its mentee has been told of another"


def seated(seen: Snapshot) -> Iterator[str]:
    """Seats taken are relationships that take one, no mentor has more than they offer, and each beginning was told."""
    of = seen.documents["matching"]
    stand = Counter(one["mentor"]["member"] for one in of["relationships"] if one["state"] in {"active", "paused"})
    taken = {one["_id"]: one["taken"] for one in of["seats"] if one["taken"]}
    if taken != dict(stand):
        wrong = [(taken.get(who, 0), stand[who]) for who in taken.keys() | stand.keys()]
        yield f"seats taken and relationships: {[pair for pair in wrong if pair[0] != pair[1]]}"
    offered = {one["_id"]: one.get("capacity", 0) for one in of["participants"]}
    yield from (
        f"{count} relationships for {offered[who]} seats" for who, count in stand.items() if count > offered[who]
    )
    facts = {record.id: record for record in seen.records["matching.events"]}
    told = Counter(record.key for record in facts.values() if _is_opening(record))
    begun = Counter(f"{one['institution']}:{one['_id']}" for one in of["relationships"])
    if told != begun:
        yield f"{begun.total()} relationships begun, {told.total()} told"


def _is_opening(record: Seen) -> bool:
    return ("ce_type", RelationshipOpened.TYPE.encode()) in record.headers


def offsets_behind_effects(seen: Snapshot) -> Iterator[str]:
    """At any moment: below a committed offset there is no record without its effect."""
    marked = {mark["_id"].split(":", 1)[1] for mark in seen.documents["notifications"]["inbox"]}
    for record in _below(seen, _REACTION, "matching.events"):
        if record.id not in marked and _is_for_people(record):
            yield f"matching.events {record.partition}@{record.offset}: committed without its effect"
    for service, copy, _, topic in _COPIES:
        there = {one["_id"]: one["sequence"] for one in seen.documents[service][copy]}
        for record in _below(seen, f"{service}.projection", f"profiles.{topic}"):
            if there.get(record.key.partition(":")[2], 0) < record.sequence:
                yield f"profiles.{topic} {record.partition}@{record.offset}: committed, not in {service}'s copy"
    related = {one["_id"]: one["sequence"] for name in _RELATED for one in seen.documents["profiles"][name]}
    for record in _below(seen, "profiles.projection", "matching.events"):
        is_related = any(("ce_type", type_.encode()) in record.headers for type_ in _RELATING)
        if is_related and related.get(record.key.partition(":")[2], 0) < record.sequence and _is_ours(record):
            yield f"matching.events {record.partition}@{record.offset}: committed, not in profiles' copy"


def _is_ours(record: Seen) -> bool:
    return not record.id.startswith(POISON)


def _below(seen: Snapshot, group: str, topic: str) -> Iterator[Seen]:
    for record in seen.records[topic]:
        if record.offset < seen.committed[group].get((topic, record.partition), 0):
            yield record


def offsets(seen: Snapshot) -> Iterator[str]:
    """At rest: every group has committed to the end, and never past an effect."""
    yield from offsets_behind_effects(seen)
    for group, topics in GROUPS.items():
        for place, end in seen.ends.items():
            if place[0] in topics and end and seen.committed[group].get(place, 0) != end:
                yield f"{group} at {seen.committed[group].get(place, 0)} of {end} of {place}"


AT_REST: Mapping[str, Guarantee] = {
    "published": published,
    "ordered": ordered,
    "once": once,
    "copied": copied,
    "offsets": offsets,
    "told": told,
    "seated": seated,
    "finished": finished,
}


def wrong(seen: Snapshot) -> dict[str, list[str]]:
    """By guarantee, so many of the things that are wrong; empty when all hold."""
    found = {name: list(guarantee(seen))[:5] for name, guarantee in AT_REST.items()}
    return {name: sentences for name, sentences in found.items() if sentences}
