"""What matching publishes: facts about lists. Ids, ranks and reason codes; never contributions, weights or names."""

from typing import ClassVar, Literal

from shared.contracts.payload import Id, Part, Payload, Recipient

Unmatched = Literal[
    "no_mentor_in_programme",
    "profile_incomplete",
    "paused",
    "no_free_mentor",
    "no_common_language",
    "no_common_format",
    "none_allowed_between_institutions",
    "below_minimum_score",
    "not_available",
]
"""Why a mentee's list is empty: the rule that kept out the last mentor standing. Tells no mentor's private reasons."""

Cause = Literal["own_change", "others_change", "takeover"]


class Ranked(Part):
    mentor: Id
    institution: Id
    rank: int
    """From 1, the best."""


class SuggestionsChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.matching.suggestions.changed.v1"
    TOPIC: ClassVar[str] = "matching.events"

    enrolment: Id
    """`<programme>.<mentee>`."""
    programme: Id
    mentee: Id
    institution: Id
    """The mentee's."""
    version: int
    ranked: tuple[Ranked, ...]
    """The whole list after the change: folding these events gives the lists as they stand."""
    entered: tuple[Id, ...] = ()
    left: tuple[Id, ...] = ()
    unmatched: Unmatched | None = None
    """Set exactly when `ranked` is empty and the mentee is still enrolled."""
    cause: Cause
    recipients: tuple[Recipient, ...] = ()

    @property
    def aggregate(self) -> str:
        return self.enrolment
