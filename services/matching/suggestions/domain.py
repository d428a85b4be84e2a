"""A mentee's list in one programme, and what is published when it changes.

Only mentors' ids, their order and the reason of an empty list are published, not scores and contributions.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

from shared.contracts.matching import Cause, Ranked, SuggestionsChanged, Unmatched
from shared.contracts.payload import Recipient


class Entry(NamedTuple):
    """A named tuple, because a mentor's change creates thousands of entries."""

    mentor: str
    institution: str
    score: int
    contributions: tuple[int, ...]
    """Factor times weight, in the order of FACTORS; their sum is the score."""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The best mentor first. Empty with a reason, or without one if the mentee is not enrolled."""

    entries: tuple[Entry, ...] = ()
    unmatched: Unmatched | None = None

    @property
    def mentors(self) -> tuple[str, ...]:
        return tuple([entry.mentor for entry in self.entries])

    @property
    def digest(self) -> int:
        """Differs where any score or contribution does. It hashes integers only, so it is equal in every process."""
        return hash(tuple([(entry.score, entry.contributions) for entry in self.entries]))


NOT_ENROLLED = Shortlist()


class OwnSequences(NamedTuple):
    """Sequences of the mentee's own documents (profile, preferences) that a list was computed from."""

    member: int
    preferences: int

    def is_behind(self, now: Self) -> bool:
        return self.member < now.member or self.preferences < now.preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    programme: str
    mentee: str
    institution: str
    """The mentee's."""

    @property
    def id(self) -> str:
        return f"{self.programme}.{self.mentee}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The part of a stored list that a new one is compared with. Version 0: nothing is stored yet."""

    version: int = 0
    mentors: tuple[str, ...] = ()
    unmatched: Unmatched | None = None
    digest: int = NOT_ENROLLED.digest
    own: OwnSequences | None = None
    """None: not recorded. Lists written by older releases, or read back from the topic, have none."""

    @classmethod
    def of(cls, shortlist: Shortlist, *, version: int, own: OwnSequences | None) -> Self:
        return cls(
            version=version,
            mentors=shortlist.mentors,
            unmatched=shortlist.unmatched,
            digest=shortlist.digest,
            own=own,
        )

    def publishes_the_same(self, after: Shortlist) -> bool:
        """Whether what is published of the two lists is equal."""
        if self.version == 0 and after.unmatched is None and not after.entries:
            return True
        return self.version > 0 and self.mentors == after.mentors and self.unmatched == after.unmatched

    def is_the_same(self, after: Shortlist, own: OwnSequences | None) -> bool:
        """Whether there is nothing to write. An own change that alters nothing is written too: otherwise a later holder
        of the shard would mistake another person's change for the mentee's own.
        """
        is_recorded = self.version == 0 or self.own == own
        return self.publishes_the_same(after) and self.digest == after.digest and is_recorded


Suppressed = Literal["has_mentor", "matched_in_round"]


def change(
    before: Stored, after: Shortlist, *, of: Enrolment, cause: Cause, notifies_mentee: bool, has_mentor: bool
) -> SuggestionsChanged | None:
    """The event of a change; None where nothing that is published differs. A mentee is not notified when another
    person's change only reorders the same mentors: requests reorder many lists. A mentee who has a mentor in the
    programme (as many as they want) is notified of own changes only.
    """
    if before.publishes_the_same(after):
        return None
    entered = tuple(mentor for mentor in after.mentors if mentor not in before.mentors)
    left = tuple(mentor for mentor in before.mentors if mentor not in after.mentors)
    is_news = cause == "own_change" or entered or left or before.unmatched != after.unmatched
    event = SuggestionsChanged(
        enrolment=of.id,
        programme=of.programme,
        mentee=of.mentee,
        institution=of.institution,
        version=before.version + 1,
        ranked=tuple(
            Ranked(mentor=entry.mentor, institution=entry.institution, rank=rank)
            for rank, entry in enumerate(after.entries, 1)
        ),
        entered=entered,
        left=left,
        unmatched=after.unmatched,
        cause=cause,
        recipients=(Recipient(member=of.mentee, institution=of.institution),) if notifies_mentee and is_news else (),
    )
    return suppress(event, "has_mentor") if has_mentor else event


def suppress(event: SuggestionsChanged, why: Suppressed) -> SuggestionsChanged:
    """Removes the recipients of an event that another person's change caused, and records why."""
    if event.cause == "own_change" or not event.recipients:
        return event
    return event.model_copy(update={"recipients": (), "suppressed": why})
