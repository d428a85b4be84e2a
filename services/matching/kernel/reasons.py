"""Explains suggestions to people in sentences, from the public parts of both profiles only.

A shared identity is never named, and past mentees appear only by their satisfaction as a group.
"""

from collections.abc import Collection, Iterable, Mapping

from babel import Locale
from babel.lists import format_list

from services.matching.kernel import hours, specialties
from services.matching.kernel.participants import USUAL, Person
from services.matching.kernel.rules import common_formats
from services.matching.kernel.scoring import OPEN, steps_ahead
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS, Factor, Format
from shared.zones import offsets_by_week

UNMATCHED: Mapping[Unmatched, str] = {
    "no_mentor_in_programme": "Nobody offers mentoring in this programme yet.",
    "profile_incomplete": "Add to your profile the topics you want, the languages you speak and how you "
    "would like to meet. Then we can suggest mentors.",
    "paused": "The profile is paused. The suggestions come back when the pause ends.",
    "no_free_mentor": "Every mentor in this programme is away or cannot take on another mentee at the moment.",
    "none_allowed_between_institutions": "All the mentors are at other institutions. Either these do not exchange "
    "mentors with yours, or you have not agreed to it in your profile yet.",
    "no_common_language": "No mentor in this programme speaks one of your languages. If you speak another one, "
    "add it to your profile.",
    "no_common_format": "No mentor in this programme meets in one of the ways you chose. If another way works for you, "
    "add it to your profile.",
    "below_minimum_score": "The programme asks for a minimum fit, and no mentor reaches it at the moment.",
    "not_available": "The mentors who would fit are not available at the moment.",
}

_ENGLISH = Locale("en")
_DAY_MINUTES = 24 * 60
_MEETS: Mapping[Format, str] = {
    "in_person": "in person",
    "video": "by video",
    "phone": "by phone",
    "messaging": "by messages",
}
_NOUN: Mapping[Factor, str] = {
    "topics": "the topics you want",
    "specialty": "the specialty",
    "stage": "the career stage",
    "languages": "the languages you share",
    "formats": "the ways you can meet",
    "time_zone": "the time zone",
    "style": "the mentoring style",
    "availability": "the times that suit you both",
}


def reasons(mentee: Person, mentor: Person) -> tuple[str, ...]:
    """Sentences for the mentee on why this mentor fits, ordered by the usual weight of the factors."""
    seeker, offering = mentee.member, mentor.member
    topics = seeker.topics_wanted & offering.topics_offered
    formats = common_formats(mentee, mentor)
    sentences = [
        f"Offers {len(topics)} of the {len(seeker.topics_wanted)} topics you want: {_words(topics)}." if topics else "",
        _near(seeker.topics_wanted & offering.topics_near),
        _specialty(seeker.specialty, offering.specialty),
        _stage(mentee, mentor),
        f"Speaks {_languages(seeker.languages & offering.languages)}, like you.",
        f"Can meet {_either(_MEETS[format] for format in sorted(formats))}.",
        _zone(mentee, mentor),
        _style(seeker.style, offering.style),
        _hours(mentee, mentor),
        "Past mentees were more satisfied than most." if mentor.experience > USUAL else "",
    ]
    return tuple(sentence for sentence in sentences if sentence)


def shortfall(theirs: Mapping[Factor, int], last: Mapping[Factor, int]) -> str:
    """Explains in which factors a mentor scores below the last mentor on the list."""
    behind = sorted(FACTORS[:OPEN], key=lambda factor: theirs[factor] - last[factor])
    named = [_NOUN[factor] for factor in behind[:2] if theirs[factor] < last[factor]]
    if not named:
        return (
            "They fit you just as well as the last mentor on your list. Between equals, a fixed random order decides."
        )
    return f"The last mentor on your list is a better fit for {_all(named)}."


def _near(topics: Collection[str]) -> str:
    offers = "a topic" if len(topics) == 1 else "topics"
    return f"Offers {offers} close to {_words(topics)}, which you want." if topics else ""


def _stage(mentee: Person, mentor: Person) -> str:
    steps = steps_ahead(mentee, mentor)
    if steps is None or steps <= 0:
        return ""
    where = "behind you, as you asked" if mentee.member.reverse_mentoring else "ahead of you"
    return f"Is {steps} career {'stage' if steps == 1 else 'stages'} {where}: {_word(mentor.member.stage)}."


def _style(mine: str | None, theirs: str | None) -> str:
    return f"Mentors in the style you prefer: {_word(mine)}." if mine and mine == theirs else ""


def _specialty(mine: str | None, theirs: str | None) -> str:
    near = specialties.closeness(mine, theirs)
    if near == specialties.SAME:
        return f"Works in your specialty, {_word(theirs)}."
    shared = specialties.shared_specialty(mine, theirs)
    if not shared or near < specialties.SAME_SPECIALTY:
        return ""
    if shared == specialties.known_as(theirs):
        return f"Works close to your specialty: {_word(theirs)}."
    if shared == specialties.known_as(mine):
        return f"Works close to your specialty: {_word(theirs)}, which is part of {_word(mine)}."
    return f"Works close to your specialty: {_word(theirs)}, which also belongs to {_word(shared)}."


def _hours(mentee: Person, mentor: Person) -> str:
    fewest, most = sorted(slots / 2 for slots in hours.in_common(mentee.member, mentor.member))
    return f"Is free when you are, for {_hours_of(fewest, most)} a week." if most else ""


def _zone(mentee: Person, mentor: Person) -> str:
    """Both ends of what the clocks differ by over the year."""
    ahead = [
        ((theirs - mine + _DAY_MINUTES // 2) % _DAY_MINUTES - _DAY_MINUTES // 2) / 60
        for mine, theirs in zip(
            offsets_by_week(mentee.member.time_zone), offsets_by_week(mentor.member.time_zone), strict=True
        )
    ]
    least, most = min(ahead), max(ahead)
    if least == most == 0:
        return "Is in your time zone."
    if least >= 0:
        return f"Is {_hours_of(least, most)} ahead of your time zone."
    if most <= 0:
        return f"Is {_hours_of(-most, -least)} behind your time zone."
    if most - least < _DAY_MINUTES // 120:
        return f"Is at most {_hours_of(*2 * [max(most, -least)])} from your time zone."
    return "Is on the other side of the world: about 12 hours from your time zone."


def _hours_of(fewest: float, most: float) -> str:
    """One number where both are the same; else what it is at most, or from one to the other."""
    much = f"{most:g} {'hour' if most == 1 else 'hours'}"
    if fewest == most:
        return much
    return f"{fewest:g} to {much}" if fewest else f"up to {much}"


def _languages(codes: Iterable[str]) -> str:
    """The English names of the languages; the code where there is no name."""
    return _all(sorted(_ENGLISH.languages.get(code, code) for code in codes))


def _words(terms: Iterable[str]) -> str:
    return _all(sorted(_word(term) for term in terms))


def _all(words: Iterable[str]) -> str:
    return format_list(list(words), locale=_ENGLISH)


def _either(words: Iterable[str]) -> str:
    return format_list(list(words), style="or", locale=_ENGLISH)


def _word(term: str | None) -> str:
    return (term or "").replace("-", " ").replace("_", " ")
