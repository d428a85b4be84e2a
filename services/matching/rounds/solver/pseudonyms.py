"""Pseudonyms of a round's participants: numbers in an order that reveals neither names nor lines of a file nor ages."""

from collections.abc import Iterable

from services.matching.kernel.scoring import seed


def pseudonyms(role: str, ids: Iterable[str], *, round: str) -> dict[str, str]:
    """Ids by pseudonym, in the order of pseudonyms."""
    ordered = sorted(ids, key=lambda member: (seed(round, role, member), member))
    digits = len(str(len(ordered)))
    return {f"{role}-{number:0{digits}}": id for number, id in enumerate(ordered, 1)}
