"""The catalogue of all events by type, which schemas, documentation and consumers use."""

import re

from shared.contracts import dead_letters, matching, meetings, mentorships, notifications, profiles, short_formats
from shared.contracts.payload import Payload

EVENTS: dict[str, type[Payload]] = {
    event.TYPE: event
    for event in (
        profiles.InstitutionChanged,
        profiles.ProgrammeChanged,
        profiles.TermChanged,
        profiles.MemberChanged,
        profiles.PreferencesChanged,
        profiles.ContactChanged,
        profiles.MentoringProfileChanged,
        profiles.MemberErased,
        profiles.ErasureRequested,
        profiles.ErasureWithdrawn,
        profiles.MemberInvited,
        matching.SuggestionsChanged,
        matching.MentorRequested,
        matching.MentorNudged,
        matching.RequestAccepted,
        matching.RequestDeclined,
        matching.RequestWithdrawn,
        matching.RequestExpired,
        matching.RelationshipOpened,
        matching.ConflictDetected,
        matching.AssessmentChanged,
        matching.RelationshipPaused,
        matching.RelationshipResumed,
        matching.RelationshipClosed,
        matching.RoundPublished,
        matching.PairLapsed,
        matching.MenteeUnmatched,
        matching.RepairPlanned,
        matching.RepairApplied,
        matching.MatchingErasureCompleted,
        mentorships.MentorshipBegan,
        mentorships.IntroductionEnding,
        mentorships.MentorshipActivated,
        mentorships.MentorshipSilent,
        mentorships.MentorshipQuestioned,
        mentorships.MentorshipContinued,
        mentorships.MentorshipPaused,
        mentorships.ReturnPlanned,
        mentorships.MentorshipReturnDue,
        mentorships.MentorshipResumed,
        mentorships.PeriodEnding,
        mentorships.MentorshipEnded,
        mentorships.AgreementProposed,
        mentorships.AgreementSigned,
        mentorships.AgreementInForce,
        mentorships.AgreementWithdrawn,
        mentorships.AgreementReviewDue,
        mentorships.GoalChanged,
        mentorships.CheckInOpened,
        mentorships.CheckInAnswered,
        mentorships.MessageSent,
        meetings.MeetingProposed,
        meetings.MeetingAgreed,
        meetings.MeetingDeclined,
        meetings.MeetingChanged,
        meetings.MeetingSkipped,
        meetings.MeetingCancelled,
        meetings.MeetingReminded,
        meetings.MeetingHeld,
        meetings.MeetingMissed,
        meetings.MeetingUnknown,
        mentorships.SupportChanged,
        mentorships.HearerListed,
        short_formats.FlashOffered,
        short_formats.FlashBooked,
        short_formats.FlashCancelled,
        short_formats.FlashReminded,
        short_formats.FlashHeld,
        short_formats.FlashMissed,
        short_formats.VisitPlanned,
        short_formats.VisitCancelled,
        short_formats.VisitReminded,
        short_formats.VisitHeld,
        short_formats.GroupOpened,
        short_formats.GroupChanged,
        short_formats.GroupMenteeRemoved,
        short_formats.GroupReminded,
        short_formats.GroupMet,
        short_formats.GroupEnded,
        mentorships.MentorshipsErasureCompleted,
        notifications.NotificationRecorded,
        notifications.NotificationsErasureCompleted,
        dead_letters.ProfilesRecordParked,
        dead_letters.MatchingRecordParked,
        dead_letters.MentorshipsRecordParked,
        dead_letters.NotificationsRecordParked,
    )
}

COMPACTED = frozenset(
    {
        "profiles.institutions",
        "profiles.programmes",
        "profiles.vocabulary",
        "profiles.members",
        "profiles.preferences",
        "profiles.contacts",
        "profiles.mentoring",
        "profiles.erasures",
        "matching.assessments",
    }
)
PRIVATE = frozenset({"profiles.preferences", "profiles.contacts", "profiles.mentoring", "matching.assessments"})
"""Topics with personal data: sent outbox rows are deleted at once, and an operator must request each value by name."""

_VERSIONED = re.compile(r"(?P<name>org\.preceptor\.[a-z]+\.[a-z_]+\.[a-z_]+)\.v(?P<major>[1-9][0-9]*)")


def is_newer_major(event_type: str) -> bool:
    """Whether the event is known, but only in older major versions."""
    sent = _VERSIONED.fullmatch(event_type)
    if sent is None or event_type in EVENTS:
        return False
    known = [_VERSIONED.fullmatch(name) for name in EVENTS]
    majors = [int(match["major"]) for match in known if match and match["name"] == sent["name"]]
    return bool(majors) and int(sent["major"]) > max(majors)


def is_private(event_type: str) -> bool:
    event = EVENTS.get(event_type)
    return event is not None and event.TOPIC in PRIVATE
