"""Maps the documents that the projections recorded to departures."""

from services.matching.mentoring.domain.departures import Departure
from shared.mongo import Document


def departure_of(document: Document) -> Departure:
    return Departure(
        member=document["_id"],
        institution=document["institution"],
        sequence=document["sequence"],
        is_erased=document["erased"],
        event=document["event"],
        correlation=document["correlation"],
    )
