"""The hard rules of matching, implemented twice: for one pair of persons, and for many pairs as columns.

Both check the rules in the same order, so that the rule that excluded the last remaining mentor explains an empty list;
a property test compares them. Public rules come first. Every private rule of the mentor's side has the code
`not_available`, so that an answer does not reveal which of them applied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from services.matching.kernel.columns import Bools, ExchangeTables, Side
from services.matching.kernel.participants import Person, Policy
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import Format

FORMAT_BITS: dict[Format, int] = {"video": 1, "phone": 2, "messaging": 4, "in_person": 8}
_REMOTE = 7
"""Bits of the formats that are possible between institutions: in person is possible only within one."""


def is_mentee(person: Person, policy: Policy) -> bool:
    member, programme = person.member, policy.programme
    return member.is_active and programme.is_active and programme.id in member.mentee_in


def is_mentor(person: Person, policy: Policy) -> bool:
    member, programme = person.member, policy.programme
    return member.is_active and programme.is_active and programme.id in member.mentors_in


def own_reason(mentee: Person) -> Unmatched | None:
    """Why a mentee gets no list, independently of the mentors; None where nothing prevents it."""
    if mentee.member.is_paused:
        return "paused"
    if not mentee.member.topics_wanted or not mentee.member.languages:
        return "profile_incomplete"
    return None


def has_seat(mentor: Person) -> bool:
    member = mentor.member
    return not member.is_paused and member.capacity > mentor.taken and member.hours > 0


def broken(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:
    """The first rule that this pair breaks; None where it breaks none. The score is not checked."""
    return _publicly_broken(mentee, mentor, policy) or _privately_broken(mentee, mentor, policy)


def broken_by_wish(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:
    """As `broken`, for a request by the mentee: a relationship that ended well does not prevent it."""
    return broken(_by_wish(mentee), mentor, policy)


def is_unavailable(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """Whether a private rule prevents a request by the mentee, independently of the public rules."""
    return _privately_broken(_by_wish(mentee), mentor, policy) is not None


def _by_wish(mentee: Person) -> Person:
    return replace(mentee, kept_from=mentee.kept_from - mentee.may_ask_again)


def _publicly_broken(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:
    """The first public rule that the pair breaks: by the mentee's profile, the mentor's card and published terms."""
    if not is_mentee(mentee, policy) or not is_mentor(mentor, policy) or mentee.id == mentor.id:
        return "no_mentor_in_programme"
    if own_reason(mentee):
        return own_reason(mentee)
    if not _exchanges(mentee, mentor, policy):
        return "none_allowed_between_institutions"
    if not mentee.member.languages & mentor.member.languages:
        return "no_common_language"
    return None if common_formats(mentee, mentor) else "no_common_format"


def _privately_broken(mentee: Person, mentor: Person, policy: Policy) -> Literal["not_available"] | None:
    """Checks what is private to the mentor or the mentor's institution; one code for every such rule."""
    exchange = mentee.member.institution, mentor.member.institution
    opted_in = exchange[0] == exchange[1] or mentor.member.across_institutions
    is_open = has_seat(mentor) and opted_in and not policy.is_full(exchange)
    return None if is_open and not are_kept_apart(mentee, mentor, policy) else "not_available"


def common_formats(mentee: Person, mentor: Person) -> frozenset[Format]:
    common = mentee.member.formats & mentor.member.formats
    return common if mentee.member.institution == mentor.member.institution else common - {"in_person"}


def reason_for_none(mentee: Person, mentors: Sequence[Person], policy: Policy) -> Unmatched:
    """Why a list is empty: of the rules that each pair broke first, the last in `ORDER`."""
    if mine := own_reason(mentee):
        return mine
    reached = [ORDER.index(broken(mentee, mentor, policy) or "below_minimum_score") for mentor in mentors]
    return ORDER[max(reached, default=0)]


ORDER: tuple[Unmatched, ...] = (
    "no_mentor_in_programme",
    "none_allowed_between_institutions",
    "no_common_language",
    "no_common_format",
    "not_available",
    "below_minimum_score",
)


def _exchanges(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """Whether the institutions' terms allow the pair and, across institutions, the mentee has opted in."""
    mine, theirs = mentee.member.institution, mentor.member.institution
    return policy.exchanges(mine, theirs) and (mine == theirs or mentee.member.across_institutions)


READ = ("present", "free", "across", "institution", "languages", "formats")
"""The mentee's columns that `passing` reads, besides `kept_apart`."""


def are_kept_apart(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """Whether a never-list, a relationship or request, or an assessment keeps the two apart."""
    if mentor.id in mentee.private.never or mentee.id in mentor.private.never:
        return True
    return mentor.id in mentee.kept_from or mentor.id in mentee.firewall.get(policy.programme.id, ())


def passing(
    mentees: Side, mentors: Side, exchanges: ExchangeTables, kept_apart: Bools
) -> Iterator[tuple[Unmatched, Bools]]:
    """Yields for each rule, in the order of `ORDER`, which pairs pass it; the last one covers all private rules.

    Lazy: a caller that has no candidates left can stop, and skips the remaining rules.
    """
    yield "no_mentor_in_programme", mentees.present & mentors.present & mentees.free
    same = mentees.institution == mentors.institution
    pair = mentees.institution * np.int32(len(exchanges.agreed)) + mentors.institution
    agreed = exchanges.agreed.ravel().take(pair, mode="clip")
    yield "none_allowed_between_institutions", agreed & (same | mentees.across)
    yield "no_common_language", np.any(mentees.languages & mentors.languages, axis=0)
    formats = mentees.formats & mentors.formats
    yield "no_common_format", (same & (formats != 0)) | ((formats & _REMOTE) != 0)
    below_ceiling = exchanges.below_ceiling.ravel().take(pair, mode="clip")
    yield "not_available", mentors.free & below_ceiling & (same | mentors.across) & ~kept_apart
