"""The guarantees after a crash: each is a function from a snapshot to sentences about violations."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from services.profiles.cards.repository import COPIES as RELATION_COPIES
from shared.contracts.matching import RelationshipOpened
from shared.epochs import count_of, epoch_of
from shared.mongo import Document
from tests.crash import erasures
from tests.crash.completion import finished
from tests.crash.erasures import erased_members, forgotten, is_about, markers
from tests.crash.outside import GROUPS, Seen, Snapshot

Guarantee = Callable[[Snapshot], Iterator[str]]

_COPIES = (
    ("matching", "institutions", "institutions", "institutions"),
    ("matching", "programmes", "programmes", "programmes"),
    ("matching", "participants", "members", "members"),
    ("matching", "preferences", "members", "preferences"),
    ("mentorships", "programmes", "programmes", "programmes"),
    ("mentorships", "people", "members", "mentoring"),
    ("mentorships", "mentors", "members", "members"),
    ("notifications", "institutions", "institutions", "institutions"),
    ("notifications", "programmes", "programmes", "programmes"),
    ("notifications", "contacts", "members", "contacts"),
)
"""Service and collection of each projection, and the collection and topic of profiles that it projects."""
_RELATED = ("relations", "suggested")
_RELATING = {kind for copy in RELATION_COPIES for kind in (copy.payload, *copy.other_payloads)}
"""The collections in which profiles projects facts of matching, and the types of those facts."""
_REACTION = "notifications.reaction"
POISON = "poison-"
"""Part of the ids of facts that a test has appended and that guarantees do not count."""


def published(seen: Snapshot) -> Iterator[str]:
    """Every committed change is in its topic with one content, and nothing uncommitted is."""
    wanted, partly_published = _committed_sequences(seen), _partly_published(seen)
    for topic, by_key in wanted.items():
        there: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for record in seen.records[topic]:
            # A state may be republished under a new id: its content at this sequence must be the same.
            content = record.id if topic == "matching.events" else record.value
            there[record.key][record.sequence].add(content)
        for key in (by_key.keys() | there.keys()) - partly_published:
            if not _is_whole(there[key].keys(), last=by_key.get(key, 0)):
                yield f"{topic} {key}: {sorted(there[key])} published of {by_key.get(key, 0)}"
        yield from (
            f"{topic} {key}: {n} said {len(content)} things"
            for key, of_key in there.items()
            for n, content in of_key.items()
            if len(content) > 1
        )
    yield from _outboxes(seen)


def _is_whole(sequences: Collection[int], *, last: int) -> bool:
    """Whether no sequence is missing. A restored backup begins an epoch, of which nothing may be published yet."""
    rows: dict[int, list[int]] = defaultdict(list)
    for sequence in sequences:
        rows[epoch_of(sequence)].append(count_of(sequence))
    in_a_row = all(max(row) - min(row) + 1 == len(row) for row in rows.values())
    first = min(rows, default=0)
    newest = max(sequences, default=0)
    is_last = newest == last or (epoch_of(newest) < epoch_of(last) and count_of(newest) == count_of(last))
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
    """By topic and key, the last sequence of the document."""
    wanted: dict[str, dict[str, int]] = {topic: {} for topic in seen.records if topic != "notifications.events"}
    for name in ("institutions", "programmes", "members"):
        for document in seen.documents["profiles"][name]:
            for topic, sequence in document["sequences"].items():
                wanted[f"profiles.{topic}"][f"{document['institution']}:{document['_id']}"] = sequence
    for name in ("lists", "requests", "relationships"):
        for document in seen.documents["matching"][name]:
            wanted["matching.events"][f"{document['institution']}:{document['_id']}"] = document["version"]
    for document in seen.documents["mentorships"]["mentorships"]:
        home = document["pair"]["mentee"]["institution"]
        wanted["mentorships.events"][f"{home}:{document['_id']}"] = document["version"]
    for topic, document, sequence in erasures.last_sequences(seen):
        wanted[topic][f"{document['institution']}:{document['_id']}"] = sequence
    return wanted


def _partly_published(seen: Snapshot) -> set[str]:
    """Keys whose versions are not all published; `finished` checks them."""
    names = ("rounds", "places", "repairs")
    return {f"{_home(document)}:{document['_id']}" for name in names for document in seen.documents["matching"][name]}


def _home(document: Document) -> str:
    """The institution of a document's facts: of a place the mentee's."""
    return str(document["mentee"]["institution"] if "edition" in document else document["institution"])


def ordered(seen: Snapshot) -> Iterator[str]:
    """Per key: one partition, sequences rise at their first arrival, and the last record is the newest (compaction
    keeps it).
    """
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
    """Each fact has one mark, each recipient's counter equals the number of facts for them (an erased member has none),
    and no record is parked.
    """
    for service, collections in seen.documents.items():
        waiting = [parked for parked in collections.get("parked", ()) if not parked["dropped_at"]]
        yield from (f"{service}: {parked['reason']} is parked" for parked in waiting)
    facts = {record.id: record for topic in GROUPS[_REACTION] for record in seen.records[topic]}
    facts = {id: record for id, record in facts.items() if _is_for_people(record)}
    of = seen.documents["notifications"]
    marked = {mark["_id"].split(":", 1)[1] for mark in of["inbox"] if POISON not in mark["_id"]}
    if marked != facts.keys():
        yield f"{len(facts.keys() - marked)} facts without a mark, {len(marked - facts.keys())} marks without a fact"
    owed: Counter[str] = Counter()
    erased = erased_members(seen)
    for fact in facts.values():
        recipients = [to for to in json.loads(fact.value)["recipients"] if to["member"] not in erased]
        owed.update(f"{to['institution']}:{to['member']}" for to in recipients)
    counted = {counter["_id"]: count_of(counter["position"]) for counter in of["recipients"]}
    if counted != dict(owed):
        wrong = [(owed[who], counted.get(who, 0)) for who in owed.keys() | counted.keys()]
        yield f"tellings of recipients, owed and counted: {[pair for pair in wrong if pair[0] != pair[1]]}"


def _is_for_people(record: Seen) -> bool:
    """Whether a fact has recipients: a round or a repair itself, and a receipt, has none."""
    return "recipients" in json.loads(record.value)


def copied(seen: Snapshot) -> Iterator[str]:
    """Each projected document has the sequence of its original, or of the marker of an erased member."""
    for service, copy, collection, topic in _COPIES:
        there = {document["_id"]: document["sequence"] for document in seen.documents[service][copy]}
        originals = [*seen.documents["profiles"][collection], *(markers(seen) if collection == "members" else ())]
        owned = {
            document["_id"]: document["sequences"][topic] for document in originals if topic in document["sequences"]
        }
        wrong = [id for id in owned.keys() | there.keys() if owned.get(id) != there.get(id)]
        if wrong:
            yield f"{service} {copy}, copied and owned: {[(there.get(id), owned.get(id)) for id in wrong]}"


def notified(seen: Snapshot) -> Iterator[str]:
    """Each recipient's positions are published once, at most one notification per occasion is unread, and the newest
    equals the last fact for the recipient and names the mentors of the current list, in any order, unless later changes
    were suppressed because the mentee has a mentor.
    """
    of = seen.documents["notifications"]
    positions: dict[str, dict[str, int]] = defaultdict(dict)
    for record in seen.records["notifications.events"]:
        event = json.loads(record.value)
        if "position" in event:  # no receipt of an erasure
            positions[f"{event['institution']}:{event['member']}"][record.id] = event["position"]
    for counter in of["recipients"]:
        published = sorted(map(count_of, positions[counter["_id"]].values()))
        if published != list(range(1, count_of(counter["position"]) + 1)):
            yield f"{counter['position']} tellings, published {sorted(positions[counter['_id']].values())}"
    unread = Counter(
        (notification["member"], notification["occasion"])
        for notification in of["notifications"]
        if not notification["read"]
    )
    yield from (f"{occasion}: {count} unread for one member" for (_, occasion), count in unread.items() if count > 1)
    yield from _newest_as_listed(seen, of["notifications"])


def _newest_as_listed(seen: Snapshot, notifications: Sequence[Document]) -> Iterator[str]:
    news: dict[str, list[str]] = {}
    suppressed: set[str] = set()
    for record in sorted(seen.records["matching.events"], key=lambda record: record.sequence):
        fact = json.loads(record.value)
        if fact.get("suppressed"):
            suppressed.add(record.key)
        if fact.get("recipients") and "ranked" in fact:
            ranked = sorted(fact["ranked"], key=lambda entry: int(entry["rank"]))
            news[record.key] = [entry["mentor"] for entry in ranked]
            suppressed.discard(record.key)
    newest: dict[tuple[str, str], Document] = {}
    for notification in sorted(notifications, key=lambda notification: int(notification["position"])):
        if notification["occasion"].startswith("suggestions:"):
            newest[notification["member"], notification["programme"]] = notification
    for shortlist in erasures.lists_of_the_others(seen):
        last = newest.get((shortlist["mentee"], shortlist["programme"]))
        notified = None if last is None else [mentor["member"] for mentor in last["now"]]
        key = f"{shortlist['institution']}:{shortlist['_id']}"
        expected = news.get(key, notified)
        listed = {entry["mentor"] for entry in shortlist["entries"]}
        if notified is None or notified != expected or (key not in suppressed and set(notified) != listed):
            yield f"version {shortlist['version']} of a list: its mentee was notified of another"


def seated(seen: Snapshot) -> Iterator[str]:
    """Taken seats equal relationships with a seat, no mentor exceeds their capacity, and each opening is published."""
    of = seen.documents["matching"]
    active = Counter(
        document["mentor"]["member"] for document in of["relationships"] if document["state"] in {"active", "paused"}
    )
    taken = {document["_id"]: document["taken"] for document in of["seats"] if document["taken"]}
    if taken != dict(active):
        wrong = [(taken.get(who, 0), active[who]) for who in taken.keys() | active.keys()]
        yield f"seats taken and relationships: {[pair for pair in wrong if pair[0] != pair[1]]}"
    offered = {document["_id"]: document.get("capacity", 0) for document in of["participants"]}
    yield from (
        f"{count} relationships for {offered[who]} seats" for who, count in active.items() if count > offered[who]
    )
    facts = {record.id: record for record in seen.records["matching.events"]}
    published_openings = Counter(record.key for record in facts.values() if record.is_of(RelationshipOpened))
    begun = Counter(f"{document['institution']}:{document['_id']}" for document in of["relationships"])
    if published_openings != begun:
        yield f"{begun.total()} relationships begun, {published_openings.total()} published"


def offsets_behind_effects(seen: Snapshot) -> Iterator[str]:
    """At any moment: every record below a committed offset has had its effect."""
    marked = {mark["_id"].split(":", 1)[1] for mark in seen.documents["notifications"]["inbox"]}
    for topic in GROUPS[_REACTION]:
        for record in seen.below(_REACTION, topic):
            if record.id not in marked and _is_for_people(record):
                yield f"{topic} {record.partition}@{record.offset}: committed without its effect"
    for service, copy, _, topic in _COPIES:
        there = {document["_id"]: document["sequence"] for document in seen.documents[service][copy]}
        for record in seen.below(f"{service}.projection", f"profiles.{topic}"):
            if there.get(record.aggregate, 0) < record.sequence:
                yield f"profiles.{topic} {record.partition}@{record.offset}: committed, not in {service}'s copy"
    yield from _related(seen)
    yield from erasures.unapplied(seen)


def _related(seen: Snapshot) -> Iterator[str]:
    """Profiles keeps no relation of an erased member."""
    erased = erased_members(seen)
    related = {
        document["_id"]: document["sequence"] for name in _RELATED for document in seen.documents["profiles"][name]
    }
    for record in seen.below("profiles.projection", "matching.events"):
        is_related = any(record.is_of(kind) for kind in _RELATING)
        if not is_related or related.get(record.aggregate, 0) >= record.sequence:
            continue
        if _is_ours(record) and not is_about(json.loads(record.value), erased):
            yield f"matching.events {record.partition}@{record.offset}: committed, not in profiles' copy"


def _is_ours(record: Seen) -> bool:
    return not record.id.startswith(POISON)


def offsets(seen: Snapshot) -> Iterator[str]:
    """When idle: every group has committed up to the end, and never beyond an effect."""
    yield from offsets_behind_effects(seen)
    for group, topics in GROUPS.items():
        for partition, end in seen.ends.items():
            if partition[0] in topics and end and seen.committed[group].get(partition, 0) != end:
                yield f"{group} at {seen.committed[group].get(partition, 0)} of {end} of {partition}"


def mailed(seen: Snapshot) -> Iterator[str]:
    """Each notification has planned its mail, at most one of an occasion waits, and none is left half sent."""
    deliveries = seen.documents["notifications"]["deliveries"]
    planned = {_occasion(delivery) for delivery in deliveries}
    for notification in seen.documents["notifications"]["notifications"]:
        if _occasion(notification) not in planned:
            yield f"{notification['occasion']} of {notification['member']} has no mail"
    for occasion, waiting in Counter(_occasion(delivery) for delivery in deliveries if delivery["open"]).items():
        if waiting > 1:
            yield f"{waiting} mails of {occasion} wait"
    yield from (f"mail {delivery['_id']} is half sent" for delivery in deliveries if delivery["state"] == "sending")


def _occasion(document: Document) -> tuple[str, str]:
    return document["member"], document["occasion"]


AT_REST: Mapping[str, Guarantee] = {
    "published": published,
    "ordered": ordered,
    "once": once,
    "copied": copied,
    "offsets": offsets,
    "notified": notified,
    "mailed": mailed,
    "seated": seated,
    "finished": finished,
    "forgotten": forgotten,
}


def wrong(seen: Snapshot) -> dict[str, list[str]]:
    """The first violations of each guarantee that does not hold."""
    found = {name: list(guarantee(seen))[:5] for name, guarantee in AT_REST.items()}
    return {name: sentences for name, sentences in found.items() if sentences}
