"""Documents ↔ displacements: written in the transaction of what caused them, gone with the repair that places them."""

from collections.abc import Sequence
from typing import Any

from services.matching.kernel.pairs import Pair, Party
from services.matching.mentoring.domain.displacements import Displacement
from shared.mongo import ASCENDING, Document, IndexModel, UpdateOne, Writing

DISPLACEMENTS = "displacements"
DISPLACEMENT_INDEXES = [
    IndexModel([("programme", ASCENDING), ("at", ASCENDING)], name="by_programme"),
    IndexModel([("planned", ASCENDING)], name="new", partialFilterExpression={"planned": False}),
]


def displace(writing: Writing, displacements: Sequence[Displacement]) -> None:
    """One that is known stays as it is: it keeps its time."""
    if displacements:
        writing[DISPLACEMENTS].bulk_write([_adding(one) for one in displacements], session=writing.session)


def _adding(one: Displacement) -> UpdateOne:
    pair = one.pair
    document: dict[str, Any] = {
        "institution": pair.mentee.institution,
        "parties": [pair.mentee.member, pair.mentor.member],
        "programme": pair.programme,
        "mentee": {"member": pair.mentee.member, "institution": pair.mentee.institution},
        "mentor": {"member": pair.mentor.member, "institution": pair.mentor.institution},
        "relationship": one.relationship,
        "cause": one.cause,
        "at": one.at,
        "left_before": one.left_before,
        "planned": False,
    }
    return UpdateOne({"_id": one.id}, {"$setOnInsert": document}, upsert=True)


def displacement_of(document: Document) -> Displacement:
    return Displacement(
        id=document["_id"],
        pair=Pair(
            programme=document["programme"],
            mentee=Party(**document["mentee"]),
            mentor=Party(**document["mentor"]),
        ),
        relationship=document["relationship"],
        cause=document["cause"],
        at=document["at"],
        left_before=document["left_before"],
    )
