"""Reasons in words. What is said of a pair comes from the public halves of both profiles: a shared identity may count,
and is never said. Of past mentees only that they were content, all together.
"""

from collections.abc import Iterable, Mapping

from services.matching.domain import specialties
from services.matching.domain.model import USUAL, Person
from services.matching.domain.rules import common_formats
from services.matching.domain.scoring import OPEN, half_hours, offset_minutes, steps_ahead
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS, Factor

UNMATCHED: Mapping[Unmatched, str] = {
    "no_mentor_in_programme": "Nobody mentors in this programme yet.",
    "profile_incomplete": "Say which topics you want and which languages you speak, and matching begins.",
    "paused": "The profile is paused; matching goes on when the pause ends.",
    "no_free_mentor": "Every mentor of this programme is away or has no seat left.",
    "none_allowed_between_institutions": "The mentors are at other institutions: either the institutions do not "
    "exchange with each other, or the mentee has not opted in to it.",
    "no_common_language": "No mentor of this programme speaks a language in common.",
    "no_common_format": "No mentor of this programme meets in a way that both sides offer.",
    "below_minimum_score": "Nobody reaches the score that the programme asks for.",
    "not_available": "No mentor who would fit is available at present.",
}

_NOUN: Mapping[Factor, str] = {
    "topics": "the topics you want",
    "specialty": "the specialty",
    "stage": "the career stage",
    "languages": "languages",
    "formats": "ways to meet",
    "time_zone": "the time zone",
    "style": "the mentoring style",
    "availability": "the hours that you both have",
}


def reasons(mentee: Person, mentor: Person) -> tuple[str, ...]:
    """What speaks for this mentor, the weightiest factors' order; addressed to the mentee."""
    one, other = mentee.member, mentor.member
    topics = one.topics_wanted & other.topics_offered
    formats = common_formats(mentee, mentor)
    said = [
        f"Offers {len(topics)} of the {len(one.topics_wanted)} topics you want: {_words(topics)}." if topics else "",
        _specialty(one.specialty, other.specialty),
        _stage(mentee, mentor),
        f"Speaks {_words(one.languages & other.languages)} as you do.",
        f"Meets by {_words(formats)}.",
        _zone(mentee, mentor),
        f"Mentors in the style you prefer: {_word(one.style)}." if one.style and one.style == other.style else "",
        _hours(mentee, mentor),
        "Past mentees were more content than most." if mentor.experience > USUAL else "",
    ]
    return tuple(sentence for sentence in said if sentence)


def shortfall(theirs: Mapping[Factor, int], last: Mapping[Factor, int]) -> str:
    """Where one mentor's contributions fall behind those of the last mentor on the list."""
    behind = sorted(FACTORS[:OPEN], key=lambda factor: theirs[factor] - last[factor])
    named = [_NOUN[factor] for factor in behind[:2] if theirs[factor] < last[factor]]
    if not named:
        return "They fit as well as the last mentor on your list; an equal score is ordered by a fixed lot."
    return f"The last mentor on your list fits better in {' and '.join(named)}."


def _stage(mentee: Person, mentor: Person) -> str:
    steps = steps_ahead(mentee, mentor)
    if steps is None or steps <= 0:
        return ""
    where = "behind you, as you wish" if mentee.member.reverse_mentoring else "ahead of you"
    return f"Is {steps} {'step' if steps == 1 else 'steps'} {where}: {_word(mentor.member.stage)}."


def _specialty(mine: str | None, theirs: str | None) -> str:
    near = specialties.closeness(mine, theirs)
    if near == specialties.SAME:
        return f"Works in your specialty, {_word(theirs)}."
    shared = specialties.shared_specialty(mine, theirs)
    if shared and near >= specialties.SAME_SPECIALTY:
        return f"Works close to your specialty: {_word(theirs)}, of {_word(shared)} like yours."
    return ""


def _hours(mentee: Person, mentor: Person) -> str:
    common = len(half_hours(mentee.member) & half_hours(mentor.member)) / 2
    return f"Has time when you have: {common:g} h a week in common." if common else ""


def _zone(mentee: Person, mentor: Person) -> str:
    apart = abs(offset_minutes(mentee.member.time_zone) - offset_minutes(mentor.member.time_zone))
    hours = min(apart, 24 * 60 - apart) / 60
    return "Lives by the same clock." if hours == 0 else f"Lives {hours:g} h away by the clock."


def _words(terms: Iterable[str]) -> str:
    return ", ".join(sorted(_word(term) for term in terms))


def _word(term: str | None) -> str:
    return (term or "").replace("-", " ").replace("_", " ")
