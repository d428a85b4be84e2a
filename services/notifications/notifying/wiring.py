"""Wires the reactions to every event that somebody is notified of."""

from services.notifications.notifying.handlers import Reactions
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import Notifier
from services.notifications.settings import NotificationsSettings
from shared.bootstrap import ServiceDependencies
from shared.contracts.matching import (
    ConflictDetected,
    MenteeUnmatched,
    MentorNudged,
    MentorRequested,
    PairLapsed,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
    RequestAccepted,
    RequestDeclined,
    RequestExpired,
    RequestWithdrawn,
    SuggestionsChanged,
)
from shared.contracts.mentorships import (
    AgreementInForce,
    AgreementProposed,
    AgreementReviewDue,
    AgreementSigned,
    AgreementWithdrawn,
    CheckInAnswered,
    CheckInOpened,
    GoalChanged,
    HearerListed,
    IntroductionEnding,
    MeetingAgreed,
    MeetingCancelled,
    MeetingChanged,
    MeetingDeclined,
    MeetingHeld,
    MeetingMissed,
    MeetingProposed,
    MeetingReminded,
    MeetingUnknown,
    MentorshipActivated,
    MentorshipBegan,
    MentorshipContinued,
    MentorshipEnded,
    MentorshipPaused,
    MentorshipQuestioned,
    MentorshipResumed,
    MentorshipReturnDue,
    MentorshipSilent,
    MessageSent,
    PeriodEnding,
    ReturnPlanned,
    SupportChanged,
)
from shared.contracts.payload import Payload
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn
from shared.slices import Slice

EVENTS: tuple[type[Payload], ...] = (
    SuggestionsChanged,
    MentorRequested,
    MentorNudged,
    RequestAccepted,
    RequestDeclined,
    RequestWithdrawn,
    RequestExpired,
    RelationshipOpened,
    ConflictDetected,
    RelationshipPaused,
    RelationshipResumed,
    RelationshipClosed,
    AgreementInForce,
    AgreementProposed,
    AgreementReviewDue,
    AgreementSigned,
    AgreementWithdrawn,
    CheckInAnswered,
    CheckInOpened,
    GoalChanged,
    IntroductionEnding,
    MeetingAgreed,
    MeetingCancelled,
    MeetingChanged,
    MeetingDeclined,
    MeetingHeld,
    MeetingMissed,
    MeetingProposed,
    MeetingReminded,
    MeetingUnknown,
    MentorshipActivated,
    MentorshipBegan,
    MentorshipContinued,
    MentorshipEnded,
    MentorshipPaused,
    MentorshipQuestioned,
    MentorshipResumed,
    MentorshipReturnDue,
    MentorshipSilent,
    MessageSent,
    PeriodEnding,
    ReturnPlanned,
    SupportChanged,
    HearerListed,
    PairLapsed,
    MenteeUnmatched,
    ErasureRequested,
    ErasureWithdrawn,
)


def build(dependencies: ServiceDependencies, settings: NotificationsSettings) -> Slice:
    notifier = Notifier(dependencies.clock, has_mail_server=settings.sends_mail)
    reactions = Reactions(notifier, MongoNotificationRepository)
    dependencies.consumers.reaction(dict.fromkeys(EVENTS, reactions.on_event), together=reactions.on_events)
    return Slice()
