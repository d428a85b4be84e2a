"""The hard rules, twice: for one pair in words of the model, and for many pairs at once as columns.

Both go through the rules in one order, so an empty list is explained by the rule that kept out the last one standing.
A property test holds them equal.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from services.matching.domain.columns import Bools, Side
from services.matching.domain.model import Person, Policy
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import Format

FORMAT_BITS: dict[Format, int] = {"video": 1, "phone": 2, "messaging": 4, "in_person": 8}
_REMOTE = 7
"""Two people meet in person only inside one institution: nobody is sent on a journey by an algorithm."""


def is_mentee(person: Person, policy: Policy) -> bool:
    member, programme = person.member, policy.programme
    return member.is_active and programme.is_active and programme.id in member.mentee_in


def is_mentor(person: Person, policy: Policy) -> bool:
    member, programme = person.member, policy.programme
    return member.is_active and programme.is_active and programme.id in member.mentors_in


def own_reason(mentee: Person) -> Unmatched | None:
    """Why a mentee gets no list, whoever the mentors are."""
    if mentee.member.is_paused:
        return "paused"
    if not mentee.member.topics_wanted or not mentee.member.languages:
        return "profile_incomplete"
    return None


def has_seat(mentor: Person) -> bool:
    member = mentor.member
    return not member.is_paused and member.capacity > mentor.taken and member.hours > 0


def broken(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:  # noqa: PLR0911 -- one return a rule
    """The first rule that keeps this pair apart; None where nothing does. The score is not looked at."""
    if not is_mentee(mentee, policy) or not is_mentor(mentor, policy) or mentee.id == mentor.id:
        return "no_mentor_in_programme"
    if own_reason(mentee):
        return own_reason(mentee)
    if not has_seat(mentor):
        return "no_free_mentor"
    if not _allowed(mentee, mentor, policy):
        return "none_allowed_between_institutions"
    if not mentee.member.languages & mentor.member.languages:
        return "no_common_language"
    if not common_formats(mentee, mentor):
        return "no_common_format"
    return "not_available" if _kept_apart(mentee, mentor, policy) else None


def common_formats(mentee: Person, mentor: Person) -> frozenset[Format]:
    common = mentee.member.formats & mentor.member.formats
    return common if mentee.member.institution == mentor.member.institution else common - {"in_person"}


def reason_for_none(mentee: Person, mentors: Sequence[Person], policy: Policy) -> Unmatched:
    """Why a list is empty: how far the pair came that came furthest."""
    if mine := own_reason(mentee):
        return mine
    reached = [ORDER.index(broken(mentee, mentor, policy) or "below_minimum_score") for mentor in mentors]
    return ORDER[max(reached, default=0)]


ORDER: tuple[Unmatched, ...] = (
    "no_mentor_in_programme",
    "no_free_mentor",
    "none_allowed_between_institutions",
    "no_common_language",
    "no_common_format",
    "not_available",
    "below_minimum_score",
)


def _allowed(mentee: Person, mentor: Person, policy: Policy) -> bool:
    one, other = mentee.member, mentor.member
    exchange = one.institution, other.institution
    if not policy.exchanges(*exchange) or policy.is_full(exchange):
        return False
    return one.institution == other.institution or (one.across_institutions and other.across_institutions)


READ = ("present", "free", "across", "institution", "languages", "formats")
"""The mentee's columns that `passing` reads; the two kept apart come on top."""


def _kept_apart(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """By either's never-list, by what is or was between them, by an assessment."""
    if mentor.id in mentee.private.never or mentee.id in mentor.private.never:
        return True
    return mentor.id in mentee.kept_from or mentor.id in mentee.firewall.get(policy.programme.id, ())


def passing(mentees: Side, mentors: Side, exchanges: Bools, kept_apart: Bools) -> Iterator[tuple[Unmatched, Bools]]:
    """For each rule in its order, who passes. `exchanges` by institutions, `kept_apart` as for one pair.

    Lazy: a caller whose last candidate has gone does not pay for the rules behind.
    """
    yield "no_mentor_in_programme", mentees.present & mentors.present
    yield "no_free_mentor", mentees.free & mentors.free
    same = mentees.institution == mentors.institution
    opted_in = same | (mentees.across & mentors.across)
    pair = mentees.institution * np.int32(len(exchanges)) + mentors.institution
    yield "none_allowed_between_institutions", exchanges.ravel().take(pair, mode="clip") & opted_in
    yield "no_common_language", np.any(mentees.languages & mentors.languages, axis=0)
    formats = mentees.formats & mentors.formats
    yield "no_common_format", (same & (formats != 0)) | ((formats & _REMOTE) != 0)
    yield "not_available", ~kept_apart
