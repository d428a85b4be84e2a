"""Who sees which of a person's data, in plain words. The rules are those of the services: cards of profiles, cards and
messages of matching, check-ins of mentorships. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.web.clients.profiles import Own
from services.web.labels import N_

_COORDINATORS = N_("Coordinators of your institution.")
_SUGGESTED = N_("People to whom you are suggested, whom you ask or who ask you, and coordinators of your institution.")
_ONLY_YOU = N_("Nobody but you. It only orders the lists of mentors.")
_PAIR = N_("The other person of your mentoring. No coordinator.")
_STORY: Mapping[str, str] = {
    "nobody": N_("Nobody but you. You chose this."),
    "matched": N_("People with whom you are in a mentoring. You chose this. No coordinator."),
    "suggested": N_(
        "People with whom you are in a mentoring, to whom you are suggested, whom you ask or who ask you. You chose "
        "this. No coordinator."
    ),
}


@dataclass(frozen=True, slots=True)
class Audience:
    what: str
    who: str
    change: str = ""
    """The page on which the person decides it."""


def audiences(profile: Own) -> Sequence[Audience]:
    """In the order of the page; the texts are not translated yet."""
    return [*_of_the_profile(profile), *_private(), *_written_in_mentorings()]


def _of_the_profile(profile: Own) -> Sequence[Audience]:
    across = (
        N_("At your institution as above; people of other institutions see it once you are in a mentoring.")
        if profile.across_institutions
        else N_("As above. You are not suggested to people of other institutions.")
    )
    email = (
        N_("Coordinators of your institution, and people with whom you are in a mentoring. You chose this.")
        if profile.shares_email
        else _COORDINATORS
    )
    return [
        Audience(N_("Career stage, specialty, topics, languages, ways to meet"), _SUGGESTED, "/profile/steps/about"),
        Audience(N_("Your principles"), _SUGGESTED, "/profile/steps/story"),
        Audience(N_("Your name"), across, "/profile/steps/story"),
        Audience(N_("Pronouns"), N_("Those who see your name, but no coordinator."), "/profile/steps/about"),
        Audience(N_("Your story"), _STORY.get(profile.story_shown_to, _STORY["nobody"]), "/profile/steps/story"),
        Audience(N_("E-mail address"), email, "/profile/steps/story"),
        Audience(N_("Staff number, places, hours, style of mentoring, free times"), _COORDINATORS, "/profile"),
    ]


def _private() -> Sequence[Audience]:
    return [
        Audience(N_("People who are never to be suggested to you"), N_("Nobody but you."), "/profile/never"),
        Audience(N_("What matters to you: the weights of your list"), _ONLY_YOU, "/profile/weights"),
        Audience(N_("An identity that you entered, and your wish to share one"), _ONLY_YOU),
    ]


def _written_in_mentorings() -> Sequence[Audience]:
    return [
        Audience(N_("The message with which you ask"), N_("The mentor whom you ask. No coordinator.")),
        Audience(N_("Goals, agreements and meetings of a mentoring"), _PAIR),
        Audience(
            N_("Messages in a mentoring"),
            N_("The other person. A coordinator sees a message only if the person who received it reports it."),
        ),
        Audience(
            N_("Answers in check-ins"),
            N_(
                "You, and the other person where you share the answer. Coordinators see means of five answers or more, "
                "and no comment."
            ),
        ),
        Audience(
            N_("That you ask or are in a mentoring, and its state"),
            N_("Coordinators of both institutions, by name within their own. Not what you write."),
        ),
    ]
