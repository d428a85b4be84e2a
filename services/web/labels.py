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
    "mentorship": {
        "introduction": N_("Introduction"),
        "introduction_paused": N_("Introduction, paused"),
        "active": N_("Under way"),
        "paused": N_("Paused"),
        "ended": N_("Ended"),
    },
    "task": {
        "answer_to_go_on": N_("Say whether it goes on"),
        "answer_meetings": N_("Answer the proposed meetings"),
        "sign_agreement": N_("Read and sign the agreement"),
        "record_meeting": N_("Say whether you met"),
        "answer_check_in": N_("Answer the check-in"),
        "draft_agreement": N_("Draft the agreement"),
        "plan_meetings": N_("Plan your meetings"),
        "wait_for_signature": N_("The agreement waits for the other signature"),
        "wait_for_meetings": N_("Your proposed meetings wait for an answer"),
    },
    "clause": {
        "goals": N_("Goals"),
        "meetings": N_("How often and how we meet"),
        "confidentiality": N_("Confidentiality and its limits"),
        "ending": N_("How it ends"),
        "disputes": N_("Who helps in a dispute"),
        "review": N_("When we look at this again"),
        "principles": N_("The mentor's principles"),
        "interval_days": N_("Days between meetings"),
        "length_months": N_("Length in months"),
        "review_on": N_("Look at it again on"),
        "starts_again": N_("The length counts again"),
    },
    "goal": {"open": N_("Open"), "completed": N_("Completed"), "dropped": N_("Dropped")},
    "series": {
        "proposed": N_("Proposed"),
        "proposed_suspended": N_("Proposed; suspended during the pause"),
        "agreed": N_("Agreed"),
        "suspended": N_("Suspended during the pause"),
        "cancelled": N_("Cancelled"),
    },
    "meeting": {
        "planned": N_("Planned"),
        "unrecorded": N_("Was it held?"),
        "held": N_("Held"),
        "missed": N_("Missed"),
        "unknown": N_("Not recorded"),
    },
    "repeats": {
        "once": N_("Once"),
        "week": N_("Every week"),
        "two_weeks": N_("Every two weeks"),
        "month": N_("Every month"),
    },
    "which": {
        "1": N_("First"),
        "2": N_("Second"),
        "3": N_("Third"),
        "4": N_("Fourth"),
        "-1": N_("Last"),
    },
    "on_which": {
        "1": N_("first"),
        "2": N_("second"),
        "3": N_("third"),
        "4": N_("fourth"),
        "-1": N_("last"),
    },
    "course": {
        "introduction": N_("Getting to know each other"),
        "introduction_paused": N_("Paused before an agreement"),
        "active": N_("Active"),
        "paused": N_("Paused"),
        "ended": N_("Ended"),
    },
    "flash": {
        "open": N_("Free"),
        "booked": N_("Booked"),
        "held": N_("Held"),
        "missed": N_("Missed"),
        "unknown": N_("Not recorded"),
        "withdrawn": N_("Withdrawn"),
        "expired": N_("Nobody booked it"),
    },
    "visit": {
        "planned": N_("Planned"),
        "held": N_("Held"),
        "cancelled": N_("Cancelled"),
        "unknown": N_("Not recorded"),
    },
    "visit_item": {
        "agreed": N_("Agree with the school on the day, the class and what they expect"),
        "kit": N_("Read the talk kit, and prepare what to say"),
        "equipment": N_("Ask what there is in the room: projector, sound, time for questions"),
        "arrival": N_("Find out how to get there, and whom to ask for"),
        "thanks": N_("Thank the school, and send what you promised"),
    },
    "statement": {
        "accessible": N_("My mentor makes time for me"),
        "encouraging": N_("My mentor supports and encourages me"),
        "constructive": N_("My mentor gives me critique that I can use"),
        "guiding": N_("My mentor helps me to see what to do next"),
        "challenging": N_("My mentor challenges me to go further"),
        "prepared": N_("My mentee comes prepared"),
        "open": N_("We can talk about what is difficult"),
        "reliable": N_("We keep what we agree"),
        "progressing": N_("My mentee comes closer to their goals"),
        "rewarding": N_("I gain from it too"),
    },
    "period": {
        "day_30": N_("After 30 days"),
        "day_90": N_("After 90 days"),
        "day_180": N_("After 180 days"),
        "end": N_("At the end"),
    },
    "age": {"0-4": N_("Up to 4 days"), "5-9": N_("5 to 9 days"), "10-": N_("10 days or more")},
    "moment": {
        "before_asking": N_("Before asking"),
        "writing_principles": N_("Writing principles"),
        "introduction": N_("The first conversation"),
        "meeting": N_("Meetings"),
        "difficult_topic": N_("Difficult topics"),
        "ending": N_("Ending"),
    },
    "reason": {
        "by_mentee": N_("Paused by the mentee"),
        "by_mentor": N_("Paused by the mentor"),
        "mentee_inactive": N_("The mentee's profile is not active"),
        "mentor_inactive": N_("The mentor's profile is not active"),
        "no_time": N_("No time at the moment"),
        "other_expertise": N_("Somebody else knows more about this"),
        "not_a_fit": N_("Not a good fit"),
        "conflict_of_interest": N_("Conflict of interest"),
        "goals_reached": N_("We reached our goals"),
        "moved_on": N_("Moved on"),
        "repaired": N_("Another mentor was found"),
        "period_over": N_("The agreed time was over"),
        "lapsed": N_("The two did not meet for long, and nobody went on"),
        "introduction_over": N_("The two reached no agreement in time"),
        "introduction_left": N_("Ended before an agreement"),
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
    "fit": {
        "topics": N_("Offers topics that you want"),
        "specialty": N_("A specialty close to yours"),
        "stage": N_("At a stage of the career that fits"),
        "languages": N_("You share languages"),
        "formats": N_("Meets in ways that suit you"),
        "time_zone": N_("In a similar time zone"),
        "style": N_("The style of mentoring that you look for"),
        "availability": N_("Free when you are"),
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
    "simulation": {
        "running": N_("Being computed"),
        "ready": N_("Ready"),
        "applied": N_("Applied"),
        "dropped": N_("Dropped"),
    },
    "simulation_dropped": {
        "by_coordinator": N_("Dropped by a coordinator"),
        "programme_changed": N_("The programme was changed otherwise"),
        "expired": N_("It became too old"),
        "given_up": N_("It could not be computed"),
    },
    "factor_programme": {
        "topics": N_("Topics"),
        "specialty": N_("Near specialties"),
        "stage": N_("Mentor further in their career"),
        "languages": N_("Languages in common"),
        "formats": N_("Ways to meet in common"),
        "time_zone": N_("Near time zones"),
        "style": N_("Style of mentoring"),
        "availability": N_("Times in common"),
        "load": N_("Mentors with more free places"),
        "experience": N_("How content past mentees were"),
    },
    "limit": {
        "list_length": N_("Mentors on a list, at most"),
        "minimum_score": N_("Fit that a mentor must reach, in percent"),
    },
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
    "part": {
        "profiles": N_("Profile: what you entered, and what your institution did"),
        "matching": N_("Lists, requests and mentorings"),
        "mentorships": N_("What you wrote in mentorings: goals, agreements, meetings, messages, check-ins"),
        "notifications": N_("Inbox, e-mail and your choices of e-mail"),
    },
    "mail": {
        "requests": N_("Requests for mentoring: asked, answered, withdrawn, expired"),
        "mentorships": N_("Your mentorings: beginning, agreement, goals, meetings, messages, end"),
        "lists": N_("Your list of mentors has changed"),
        "rounds": N_("A matching round found nobody for you"),
        "account": N_("Your data"),
    },
    "frequency": {
        "at_once": N_("At once"),
        "daily": N_("In a daily summary"),
        "weekly": N_("In a weekly summary"),
        "off": N_("Not by e-mail"),
    },
    "mail_reason": {
        "policy_off": N_("Your institution does not send this kind of e-mail."),
        "policy_required": N_("Your institution always sends this kind of e-mail."),
        "own_choice": N_("You chose this."),
        "own_choice_for_all": N_("You chose this for all kinds."),
        "default": N_("This is usual."),
    },
    "weekday": {
        "mon": N_("Monday"),
        "tue": N_("Tuesday"),
        "wed": N_("Wednesday"),
        "thu": N_("Thursday"),
        "fri": N_("Friday"),
        "sat": N_("Saturday"),
        "sun": N_("Sunday"),
    },
    "delivery": {
        "planned": N_("To be sent"),
        "deferred": N_("Waits"),
        "sending": N_("Being sent"),
        "sent": N_("Sent"),
        "failed": N_("Could not be sent"),
        "suppressed": N_("Not sent"),
    },
    "why_not": {
        "scores_below": N_("This mentor fits less well than those on your list, or less than the programme asks for."),
        "being_renewed": N_("Your list is about to be renewed. Look again in some seconds."),
        "no_common_language": N_("You have no language in common."),
        "no_common_format": N_("There is no way to meet that both of you offer."),
    },
    "report": {
        "harassment": N_("Harassment"),
        "discrimination": N_("Discrimination"),
        "safety": N_("Somebody is in danger"),
        "spam": N_("Advertising"),
        "other": N_("Another reason"),
    },
    "support_kind": {
        "discrimination": N_("Discrimination or harassment"),
        "burnout": N_("Exhaustion or burnout"),
        "safety": N_("I do not feel safe, or fear for somebody"),
        "other": N_("Something else"),
    },
    "hearer_role": {
        "mentor": N_("your mentor"),
        "ombudsperson": N_("Ombudsperson"),
        "outside_mentor": N_("Mentor from outside"),
        "other": N_("Person of trust"),
    },
    "why_waiting": {
        "no_mentor_in_programme": N_("Nobody offers mentoring in this programme yet."),
        "profile_incomplete": N_("Their profile lacks topics, languages or ways to meet."),
        "paused": N_("They have paused."),
        "no_free_mentor": N_("Every mentor is away or has no place."),
        "none_allowed_between_institutions": N_("All mentors are at other institutions, and that is not agreed."),
        "no_common_language": N_("No mentor speaks one of their languages."),
        "no_common_format": N_("No mentor meets in a way that they chose."),
        "below_minimum_score": N_("No mentor reaches the programme's minimum fit."),
        "not_available": N_("The mentors who would fit are not available."),
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

REPORTING = ("harassment", "discrimination", "safety", "spam", "other")
"""Reasons for which a message is reported."""

SUPPORT_KINDS = ("discrimination", "burnout", "safety", "other")
HEARER_ROLES = ("ombudsperson", "outside_mentor", "other")
