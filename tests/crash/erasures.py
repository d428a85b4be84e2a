"""Erasures after a crash: every service has forgotten the member and said so once. Ids, sequences and receipts stay."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from services.profiles.privacy.erasure.domain import SERVICES
from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.mentorships import MentorshipsErasureCompleted
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ContactChanged,
    MemberChanged,
    MemberErased,
    MentoringProfileChanged,
    PreferencesChanged,
)
from shared.mongo import Document
from tests.crash.outside import Snapshot

_MARKER = {"_id", "institution", "sequence", "erased", "event", "correlation"}
_RECEIPTS: Mapping[str, type[Payload]] = {
    "matching": MatchingErasureCompleted,
    "mentorships": MentorshipsErasureCompleted,
    "notifications": NotificationsErasureCompleted,
}
"""By service, what it reports; profiles keeps its own receipt and publishes none."""
_STATES = {MemberChanged.TOPIC, PreferencesChanged.TOPIC, ContactChanged.TOPIC, MentoringProfileChanged.TOPIC}


def markers(seen: Snapshot) -> Sequence[Document]:
    """What profiles keeps of erased members: ids, and the sequence of each topic's last record."""
    return seen.documents["profiles"]["erased_members"]


def erased_members(seen: Snapshot) -> frozenset[str]:
    return frozenset(marker["_id"] for marker in markers(seen))


def is_about(fact: Document, members: Collection[str]) -> bool:
    """Whether the fact's mentee or mentor is one of these members."""
    sides = (fact.get("mentee"), fact.get("mentor"))
    return any((side["member"] if isinstance(side, dict) else side) in members for side in sides)


def lists_of_the_others(seen: Snapshot) -> Sequence[Document]:
    """Without those of erased mentees, who are not notified of the last change."""
    erased = erased_members(seen)
    return [document for document in seen.documents["matching"]["lists"] if document["mentee"] not in erased]


def last_sequences(seen: Snapshot) -> Iterator[tuple[str, Document, int]]:
    """The last sequence given on a topic to the aggregate of a document: markers, requests and receipts."""
    for marker in markers(seen):
        yield from ((f"profiles.{topic}", marker, sequence) for topic, sequence in marker["sequences"].items())
    for erasure in seen.documents["profiles"]["erasures"]:
        # A coordinator's request and its withdrawal notify the member; of a member's own request nobody is notified.
        facts = 1 + (erasure["state"] == "withdrawn") if erasure["requested_by"] == "coordinator" else 0
        yield "profiles.events", erasure, facts
    for marker in seen.documents["mentorships"]["erasures"]:
        yield "mentorships.events", marker, 1
    for command in seen.documents["matching"]["erasures"]:
        yield "matching.events", command, 0 if command["waits"] else 1


def forgotten(seen: Snapshot) -> Iterator[str]:
    """Of a member whose erasure was carried out, every service has forgotten all but ids, and given one receipt."""
    carried_out = [
        document
        for document in seen.documents["profiles"]["erasures"]
        if document["state"] in {"carried_out", "completed"}
    ]
    for erasure in carried_out:
        if outstanding := set(SERVICES) - erasure["receipts"].keys():
            yield f"the receipts of {sorted(outstanding)} are outstanding"
        yield from _receipts(seen, erasure)
    if missing := {document["member"] for document in carried_out} - erased_members(seen):
        yield f"{len(missing)} members were erased without a marker"
    for member in erased_members(seen):
        for (service, collection), is_left in _LEFT.items():
            left = [document for document in seen.documents[service][collection] if is_left(document, member)]
            if left:
                yield f"{service} {collection}: {len(left)} documents of an erased member"


def _receipts(seen: Snapshot, erasure: Document) -> Iterator[str]:
    for service, kind in _RECEIPTS.items():
        of_kind = [record for record in seen.records[kind.TOPIC] if record.is_of(kind)]
        receipts = {record.id for record in of_kind if record.aggregate == erasure["_id"]}
        if len(receipts) != 1:
            yield f"{len(receipts)} receipts of {service} for one erasure"


def unapplied(seen: Snapshot) -> Iterator[str]:
    """Erasures and receipts below a committed offset that are not stored where they are acted on."""
    receipts = {document["_id"]: document["receipts"] for document in seen.documents["profiles"]["erasures"]}
    for service, kind in _RECEIPTS.items():
        stored = {document["_id"] for document in seen.documents[service]["erasures"]}
        for record in seen.below(f"{service}.projection", MemberErased.TOPIC):
            if json.loads(record.value)["erasure"] not in stored:
                yield f"profiles.erasures {record.partition}@{record.offset}: committed, unknown to {service}"
        for record in seen.below("profiles.reaction", kind.TOPIC):
            if record.is_of(kind) and service not in receipts.get(record.aggregate, ()):
                yield f"{kind.TOPIC} {record.partition}@{record.offset}: committed, its receipt is not in profiles"


def _is_marked(copy: Document, member: str) -> bool:
    return copy["_id"] == member and (not copy["erased"] or copy.keys() != _MARKER)


def _names(document: Document, member: str) -> bool:
    return member in {party["member"] for party in (document["mentee"], document.get("mentor")) if party}


_LEFT: Mapping[tuple[str, str], Callable[[Document, str], bool]] = {
    ("profiles", "members"): lambda document, member: document["_id"] == member,
    ("profiles", "invitations"): lambda document, member: document["member"] == member,
    ("profiles", "relations"): _names,
    ("profiles", "suggested"): _names,
    ("profiles", "outbox"): lambda row, member: (
        row["topic"] in _STATES and row["key"].endswith(f":{member}") and row["value"] is not None
    ),
    ("matching", "participants"): _is_marked,
    ("matching", "preferences"): _is_marked,
    ("matching", "departures"): lambda document, member: document["_id"] == member,
    ("matching", "lists"): lambda document, member: (
        (document["mentee"] == member and document["entries"])
        or any(entry["mentor"] == member for entry in document["entries"])
    ),
    ("matching", "requests"): lambda document, member: (
        _names(document, member)
        and (document["state"] == "pending" or (document["mentee"]["member"] == member and document["message"]))
    ),
    ("matching", "relationships"): lambda document, member: _names(document, member) and document["state"] != "closed",
    ("mentorships", "people"): _is_marked,
    ("mentorships", "mentors"): _is_marked,
    ("notifications", "contacts"): _is_marked,
    ("notifications", "recipients"): lambda document, member: document["_id"].endswith(f":{member}"),
    ("notifications", "notifications"): lambda document, member: document["member"] == member,
    ("notifications", "deliveries"): lambda document, member: document["member"] == member,
}
"""By service and collection: whether a document holds more of an erased member than may stay."""
