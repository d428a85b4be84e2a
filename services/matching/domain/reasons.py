"""Reasons in words. What is said of a pair comes from the public halves of both profiles only."""

from collections.abc import Iterable, Mapping

from services.matching.domain.model import Person
from services.matching.domain.rules import common_formats
from services.matching.domain.scoring import offset_minutes
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS, STAGES, Factor

UNMATCHED: Mapping[Unmatched, str] = {
    "no_mentor_in_programme": "Nobody mentors in this programme yet.",
    "profile_incomplete": "Say which topics you want and which languages you speak, and matching begins.",
    "paused": "The profile is paused; matching goes on when the pause ends.",
    "no_free_mentor": "Every mentor of this programme is away or has no seat left.",
    "none_allowed_between_institutions": "The mentors with a seat are at other institutions, and the institutions, "
    "the programme or one of the two people have not opted in.",
    "no_common_language": "No mentor with a seat speaks a language in common.",
    "no_common_format": "No mentor with a seat meets in a way that both sides offer.",
    "below_minimum_score": "Nobody reaches the score that the programme asks for.",
    "not_available": "The mentors who would fit are not available.",
}

_NOUN: Mapping[Factor, str] = {
    "topics": "the topics you want",
    "specialty": "the specialty",
    "stage": "the career stage",
    "languages": "languages",
    "formats": "ways to meet",
    "time_zone": "the time zone",
    "style": "the mentoring style",
}


def reasons(mentee: Person, mentor: Person) -> tuple[str, ...]:
    """What speaks for this mentor, the weightiest factors' order; addressed to the mentee."""
    one, other = mentee.member, mentor.member
    topics = one.topics_wanted & other.topics_offered
    formats = common_formats(mentee, mentor)
    said = [
        f"Offers {len(topics)} of the {len(one.topics_wanted)} topics you want: {_words(topics)}." if topics else "",
        f"Works in your specialty, {_word(one.specialty)}."
        if one.specialty and one.specialty == other.specialty
        else "",
        _stage(mentee, mentor),
        f"Speaks {_words(one.languages & other.languages)} as you do.",
        f"Meets by {_words(formats)}.",
        _zone(mentee, mentor),
        f"Mentors in the style you prefer: {_word(one.style)}." if one.style and one.style == other.style else "",
    ]
    return tuple(sentence for sentence in said if sentence)


def shortfall(theirs: Mapping[Factor, int], last: Mapping[Factor, int]) -> str:
    """Where one mentor's contributions fall behind those of the last mentor on the list."""
    behind = sorted(FACTORS, key=lambda factor: theirs[factor] - last[factor])
    named = [_NOUN[factor] for factor in behind[:2] if theirs[factor] < last[factor]]
    if not named:
        return "They fit as well as the last mentor on your list; an equal score is ordered by a fixed lot."
    return f"The last mentor on your list fits better in {' and '.join(named)}."


def _stage(mentee: Person, mentor: Person) -> str:
    one, other = mentee.member.stage, mentor.member.stage
    if one is None or other is None or STAGES.index(other) <= STAGES.index(one):
        return ""
    steps = STAGES.index(other) - STAGES.index(one)
    return f"Is {steps} {'step' if steps == 1 else 'steps'} ahead of you: {_word(other)}."


def _zone(mentee: Person, mentor: Person) -> str:
    apart = abs(offset_minutes(mentee.member.time_zone) - offset_minutes(mentor.member.time_zone))
    hours = min(apart, 24 * 60 - apart) / 60
    return "Lives by the same clock." if hours == 0 else f"Lives {hours:g} h away by the clock."


def _words(terms: Iterable[str]) -> str:
    return ", ".join(sorted(_word(term) for term in terms))


def _word(term: str | None) -> str:
    return (term or "").replace("-", " ").replace("_", " ")
