"""Documents ↔ places in rounds. Each result has places of its own; those of an earlier result are not read any more."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.matching.kernel.pairs import Party
from services.matching.mentoring.repository.waiting_list import ASSIGNMENTS
from services.matching.rounds.domain.assignments import Opening, Place
from shared.mongo import ASCENDING, DESCENDING, Document, IndexModel, UpdateOne

PLACES = ASSIGNMENTS
_WAITING = {"partialFilterExpression": {"waits": True}}
PLACE_INDEXES = [
    IndexModel([("edition", ASCENDING), ("state", DESCENDING), ("_id", ASCENDING)], name="by_state"),
    IndexModel([("edition", ASCENDING), ("order", ASCENDING)], name="waiting", **_WAITING),
    IndexModel([("mentee.member", ASCENDING), ("at", DESCENDING)], name="of_mentee"),
    IndexModel([("round", ASCENDING), ("edition", ASCENDING)], name="by_round"),
    IndexModel([("programme", ASCENDING), ("waiting_since", ASCENDING)], name="of_programme"),
]


def of_edition(result: str | None) -> Document:
    """Query for the places of the result with this file key."""
    return {"edition": result}


def place_document(line: Mapping[str, Any], head: Mapping[str, Any]) -> Document:
    """A line of the solver process, with `head`: the fields that all places of the result share."""
    mentee, mentor = line["mentee"], line["mentor"]
    return {
        **head,
        "_id": f"{head['edition']}.{line['number']}",
        "institutions": sorted({mentee["institution"], *([mentor["institution"]] if mentor else [])}),
        "parties": [mentee["member"]],
        "state": "planned" if mentor else "left",
        "version": 1,
        "waits": False,
        "relationship": None,
        "waiting_since": datetime.fromisoformat(line["since"]),
        **{name: line[name] for name in ("mentee", "mentor", "choice", "pinned", "turn", "reason", "opens", "order")},
    }


def place_of(document: Document) -> Place:
    mentor = document["mentor"]
    return Place(
        id=document["_id"],
        round=document["round"],
        institution=document["institution"],
        programme=document["programme"],
        mentee=Party(**document["mentee"]),
        mentor=Party(**mentor) if mentor else None,
        choice=document["choice"],
        is_pinned=document["pinned"],
        turn=document.get("turn", 1),  # absent from older documents
        state=document["state"],
        version=document["version"],
        reason=document["reason"],
        opens=tuple(
            Opening(mentor=Party(**opening["mentor"]), seats=opening["seats"]) for opening in document["opens"]
        ),
        waiting_since=document["waiting_since"],
        order=document["order"],
        waits=document["waits"],
        relationship=document["relationship"],
    )


def changing(place: Place) -> UpdateOne:
    """Updates the previous version only."""
    changed = {
        "state": place.state,
        "version": place.version,
        "reason": place.reason,
        "waits": place.waits,
        "relationship": place.relationship,
    }
    return UpdateOne({"_id": place.id, "version": place.version - 1}, {"$set": changed})
