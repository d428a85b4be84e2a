"""Texts that tell a mentee without a mentor what would change that. They name no mentor and no mentor's seats."""

from collections.abc import Mapping

from services.matching.kernel.reasons import UNMATCHED
from services.matching.rounds.domain.assignments import Place

_BY_REASON: Mapping[str, str] = {
    **{str(code): words for code, words in UNMATCHED.items()},
    "no_wishes": "No mentor with a seat could be put on the list: other topics, languages or formats may bring some.",
    "excluded": "The coordinator kept every mentor on the list apart from this mentee in this round.",
    "closed": "No mentor on the list had a seat: another mentor, or a seat more, would change it.",
    "outweighed": "One more seat with any mentor on the list, and one more person is matched.",
}
_LAPSED = "The place that was planned was gone when the round was published: whoever lost it is placed again first."


def would_change(place: Place) -> str:
    reason = place.published_reason or ""
    if place.state == "lapsed" and (reason == "not_available" or reason not in _BY_REASON):
        return _LAPSED
    if reason == "outranked":
        return _outranked(place)
    return _BY_REASON.get(reason, "Another round, or a request to a mentor on the list of suggestions.")


def _outranked(place: Place) -> str:
    if not place.opens:
        return "Those who wait longer or fit better took every seat: more mentors would change it."
    least = place.opens[0].seats
    seats = "one more seat" if least == 1 else f"{least} more seats"
    return f"Those who wait longer or fit better took every seat. With {seats} at one mentor it is settled for certain."
