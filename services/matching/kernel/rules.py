"""The hard rules, twice: for one pair in words of the model, and for many pairs at once as columns.

Both go through the rules in one order, so an empty list is explained by the rule that kept out the last one standing.
A property test holds them equal. Public rules come first. Whichever private rule of the other side keeps a pair apart,
the code is `not_available`, so that no answer tells one private rule from another.
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


def broken(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:
    """The first rule that keeps this pair apart; None where nothing does. The score is not looked at."""
    return _publicly_broken(mentee, mentor, policy) or _privately_broken(mentee, mentor, policy)


def broken_by_wish(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:
    """The same where the mentee asks, and the mentor answers: after a mentoring that ended well they may."""
    return broken(_by_wish(mentee), mentor, policy)


def is_unavailable(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """Whether a private rule keeps the two apart where the mentee asks, whatever the public rules say."""
    return _privately_broken(_by_wish(mentee), mentor, policy) is not None


def _by_wish(mentee: Person) -> Person:
    return replace(mentee, kept_from=mentee.kept_from - mentee.may_ask_again)


def _publicly_broken(mentee: Person, mentor: Person, policy: Policy) -> Unmatched | None:
    """By what the mentee knows: their own profile, what a mentor's card shows, what institutions publish."""
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
    """By what the mentor, or the mentor's institution, keeps to itself: one code for all of it."""
    exchange = mentee.member.institution, mentor.member.institution
    opted_in = exchange[0] == exchange[1] or mentor.member.across_institutions
    is_open = has_seat(mentor) and opted_in and not policy.is_full(exchange)
    return None if is_open and not _kept_apart(mentee, mentor, policy) else "not_available"


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
    "none_allowed_between_institutions",
    "no_common_language",
    "no_common_format",
    "not_available",
    "below_minimum_score",
)


def _exchanges(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """The two institutions do, and the mentee opted in where they are two."""
    mine, theirs = mentee.member.institution, mentor.member.institution
    return policy.exchanges(mine, theirs) and (mine == theirs or mentee.member.across_institutions)


READ = ("present", "free", "across", "institution", "languages", "formats")
"""The mentee's columns that `passing` reads; the two kept apart come on top."""


def _kept_apart(mentee: Person, mentor: Person, policy: Policy) -> bool:
    """By either's never-list, by what is or was between them, by an assessment."""
    if mentor.id in mentee.private.never or mentee.id in mentor.private.never:
        return True
    return mentor.id in mentee.kept_from or mentor.id in mentee.firewall.get(policy.programme.id, ())


def passing(
    mentees: Side, mentors: Side, exchanges: ExchangeTables, kept_apart: Bools
) -> Iterator[tuple[Unmatched, Bools]]:
    """For each rule in its order, who passes; all private rules are the last. `kept_apart` as for one pair.

    Lazy: a caller whose last candidate has gone does not pay for the rules behind.
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
