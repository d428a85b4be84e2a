"""Codes of the services in words. `N_` marks a text for translation; it is translated where a page shows it."""

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 -- the name by which gettext's tools find such texts
    return text


LABELS: Mapping[str, Mapping[str, str]] = {
    "stage": {
        "student": N_("Medical student"),
        "resident": N_("Resident"),
        "fellow": N_("Fellow"),
        "early_career": N_("Early-career physician"),
        "attending": N_("Attending physician"),
        "senior": N_("Senior physician"),
        "retired": N_("Retired physician"),
    },
    "format": {
        "in_person": N_("In person"),
        "video": N_("By video"),
        "phone": N_("By phone"),
        "messaging": N_("By messages"),
    },
    "style": {
        "coach": N_("Coach: asks questions, so that you find your own answer"),
        "advisor": N_("Advisor: gives concrete advice"),
        "sponsor": N_("Sponsor: opens doors"),
        "listener": N_("Listener: takes time for what weighs on you"),
    },
    "role": {"mentor": N_("Mentor"), "mentee": N_("Mentee")},
    "request": {
        "pending": N_("Waiting for an answer"),
        "accepted": N_("Accepted"),
        "declined": N_("Declined"),
        "withdrawn": N_("Withdrawn"),
        "expired": N_("Expired without an answer"),
    },
    "relationship": {
        "active": N_("Active"),
        "paused": N_("Paused"),
        "on_hold": N_("On hold"),
        "closed": N_("Ended"),
    },
    "reason": {
        "no_time": N_("No time at the moment"),
        "other_expertise": N_("Somebody else knows more about this"),
        "not_a_fit": N_("Not a good fit"),
        "conflict_of_interest": N_("Conflict of interest"),
        "goals_reached": N_("We reached our goals"),
        "moved_on": N_("Moved on"),
        "repaired": N_("Another mentor was found"),
        "unspecified": N_("I would rather not say"),
        "matched_elsewhere": N_("A mentoring with somebody else began"),
        "matched_in_round": N_("Matched in a programme round"),
        "matched_in_repair": N_("Matched with another mentor"),
        "mentor_full": N_("The mentor's last seat was taken"),
        "not_available": N_("Not available"),
        "mentee_left": N_("The mentee left the programme"),
        "mentor_left": N_("The mentor left the programme"),
    },
    "factor": {
        "topics": N_("Topics I want to talk about"),
        "specialty": N_("Specialty close to mine"),
        "stage": N_("Further in their career"),
        "languages": N_("Languages we share"),
        "formats": N_("Ways to meet"),
        "time_zone": N_("Time zone"),
        "style": N_("Style of mentoring"),
        "availability": N_("Times that suit us both"),
        "load": N_("Has room for another mentee"),
        "experience": N_("Experience of past mentees"),
        "identity": N_("A shared identity, where I wish it"),
    },
    "story": {
        "nobody": N_("Nobody"),
        "matched": N_("People with whom I am in a mentoring"),
        "suggested": N_("Also people to whom I am suggested, or who ask me"),
    },
    "status": {"active": N_("Active"), "inactive": N_("Inactive")},
    "verdict": {
        "created": N_("New"),
        "updated": N_("Changed"),
        "unchanged": N_("Unchanged"),
        "refused": N_("Refused"),
    },
    "roster": {"waiting": N_("Being applied"), "done": N_("Done"), "failed": N_("Failed")},
    "round": {
        "draft": N_("Freezing its participants"),
        "running": N_("Being solved"),
        "pending": N_("Ready: publish or drop it"),
        "publishing": N_("Being published"),
        "published": N_("Published"),
        "dropped": N_("Dropped"),
    },
    "target": {"fit": N_("Best fit"), "coverage": N_("As many mentees as possible")},
    "place": {
        "planned": N_("Proposed"),
        "left": N_("Left over"),
        "opened": N_("In a mentoring"),
        "lapsed": N_("Lapsed"),
        "unmatched": N_("Left over"),
    },
    "unmatched": {
        "no_mentor_in_programme": N_("Nobody offers mentoring in this programme yet."),
        "profile_incomplete": N_(
            "Add to your profile the topics you want, the languages you speak and how you would like to meet. "
            "Then we can suggest mentors."
        ),
        "paused": N_("The profile is paused. The suggestions come back when the pause ends."),
        "no_free_mentor": N_("Every mentor in this programme is away or cannot take on another mentee at the moment."),
        "none_allowed_between_institutions": N_(
            "All the mentors are at other institutions. Either these do not exchange mentors with yours, or you have "
            "not agreed to it in your profile yet."
        ),
        "no_common_language": N_(
            "No mentor in this programme speaks one of your languages. If you speak another one, add it to your "
            "profile."
        ),
        "no_common_format": N_(
            "No mentor in this programme meets in one of the ways you chose. If another way works for you, add it to "
            "your profile."
        ),
        "below_minimum_score": N_("The programme asks for a minimum fit, and no mentor reaches it at the moment."),
        "not_available": N_("The mentors who would fit are not available at the moment."),
    },
    "left_over": {
        "no_wishes": N_("No mentor fits this mentee"),
        "excluded": N_("Every mentor wished for is excluded"),
        "closed": N_("No mentor wished for has a place"),
        "outranked": N_("Mentors wished for preferred others"),
        "outweighed": N_("More mentees are matched this way"),
    },
    "service": {
        "profiles": N_("Profiles and programmes"),
        "matching": N_("Mentor lists, requests and mentorships"),
        "mentorships": N_("The course of mentorships"),
        "notifications": N_("The inbox"),
    },
}

DECLINING = ("no_time", "other_expertise", "not_a_fit", "conflict_of_interest", "unspecified")
"""Reasons for which a mentor declines, in the order of a form."""
CLOSING = ("goals_reached", "moved_on", "no_time", "not_a_fit", "conflict_of_interest", "unspecified")
"""Reasons for which a mentoring ends."""

REFUSALS: Mapping[str, str] = {
    "fault": N_("Something went wrong on our side. Try again in a moment."),
    "not_available": N_("This mentor is not available at the moment. Choose somebody else on your list."),
    "no_seat_left": N_("You have no free place for another mentee. Raise the number of mentees in your profile first."),
    "role_required": N_("Your sign-in does not have the role that this needs."),
    "institution_required": N_("Your sign-in names no institution."),
    "outbox_behind": N_("Changes cannot be saved at the moment. Reading still works: try again in a few minutes."),
    "version_stale": N_("This was changed in the meantime. Look at it again before you decide."),
    "invitation_unknown": N_("This invitation code is not known, was used, or has expired. Ask for a new one."),
    "invitation_empty": N_("Enter the code from your invitation."),
    "message_too_long": N_("The message may have at most 2,000 characters."),
    "answer_missing": N_("Choose whether you accept or decline."),
    "reason_missing": N_("Choose a reason. The other person sees it."),
    "file_missing": N_("Choose the file with the members."),
    "mapping_missing": N_("Choose the mapping."),
    "section_missing": N_("Name the section of the mapping."),
    "target_missing": N_("Choose what counts more."),
    "round_open": N_("This programme already has an open round."),
    "round_outdated": N_("Another round took seats that this one assigns. Drop it and open a new one."),
}
