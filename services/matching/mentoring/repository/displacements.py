"""Maps displacements to documents: written in the transaction of their cause, deleted by the repair that ends them."""

from collections.abc import Sequence
from typing import Any

from services.matching.kernel.pairs import Pair, Party
from services.matching.mentoring.domain.displacements import Displacement
from shared.mongo import ASCENDING, Document, IndexModel, Transaction, UpdateOne

DISPLACEMENTS = "displacements"
DISPLACEMENT_INDEXES = [
    IndexModel([("programme", ASCENDING), ("at", ASCENDING)], name="by_programme"),
    IndexModel([("planned", ASCENDING)], name="new", partialFilterExpression={"planned": False}),
]


def displace(transaction: Transaction, displacements: Sequence[Displacement]) -> None:
    """Adds displacements. One that is already stored is not changed, so it keeps its time."""
    if displacements:
        transaction[DISPLACEMENTS].bulk_write(
            [_insert(displacement) for displacement in displacements], session=transaction.session
        )


def _insert(displacement: Displacement) -> UpdateOne:
    pair = displacement.pair
    document: dict[str, Any] = {
        "institution": pair.mentee.institution,
        "parties": [pair.mentee.member, pair.mentor.member],
        "programme": pair.programme,
        "mentee": {"member": pair.mentee.member, "institution": pair.mentee.institution},
        "mentor": {"member": pair.mentor.member, "institution": pair.mentor.institution},
        "relationship": displacement.relationship,
        "cause": displacement.cause,
        "at": displacement.at,
        "left_before": displacement.times_unplaced,
        "planned": False,
    }
    return UpdateOne({"_id": displacement.id}, {"$setOnInsert": document}, upsert=True)


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
        times_unplaced=document["left_before"],
    )
