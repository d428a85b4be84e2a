"""Texts that tell a mentee without a mentor what would change that. They name no mentor and no mentor's seats."""

from collections.abc import Mapping

from services.matching.kernel.reasons import UNMATCHED
from services.matching.rounds.domain.assignments import Place

_BY_REASON: Mapping[str, str] = {
    **{str(code): words for code, words in UNMATCHED.items()},
    "no_wishes": "No mentor with a free seat fits. Other topics, languages or formats in the profile may change that.",
    "excluded": "The coordinator kept this mentee apart from every mentor on the list in this round.",
    "too_few": "Too few mentees wished for the mentors on the list, who take a group or nobody.",
    "closed": "No mentor on the list had a seat. Another mentor, or one more seat, would change that.",
    "outweighed": "With one more seat at any mentor on the list, one more mentee would be matched.",
}
_LAPSED = (
    "The planned pair was no longer possible when the round was published. "
    "The mentee is on the waiting list, in the order of waiting time."
)


def would_change(place: Place) -> str:
    reason = place.published_reason or ""
    if place.state == "lapsed" and (reason == "not_available" or reason not in _BY_REASON):
        return _LAPSED
    if reason == "outranked":
        return _outranked(place)
    return _BY_REASON.get(reason, "Another round, or a request to a suggested mentor, may change that.")


def _outranked(place: Place) -> str:
    if not place.opens:
        return "Mentees who wait longer or fit better took every seat. More mentors would change that."
    fewest = place.opens[0].seats
    seats = "one more seat" if fewest == 1 else f"{fewest} more seats"
    return f"Mentees who wait longer or fit better took every seat. With {seats} at one mentor, a match is certain."
