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
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn
from shared.slices import Slice


def build(dependencies: ServiceDependencies, settings: NotificationsSettings) -> Slice:
    notifier = Notifier(dependencies.clock, has_mail_server=settings.sends_mail)
    reactions = Reactions(notifier, MongoNotificationRepository)
    dependencies.consumers.reaction(
        {
            SuggestionsChanged: reactions.on_suggestions_changed,
            MentorRequested: reactions.on_pair_changed,
            MentorNudged: reactions.on_pair_changed,
            RequestAccepted: reactions.on_pair_changed,
            RequestDeclined: reactions.on_pair_changed,
            RequestWithdrawn: reactions.on_pair_changed,
            RequestExpired: reactions.on_pair_changed,
            RelationshipOpened: reactions.on_pair_changed,
            ConflictDetected: reactions.on_pair_changed,
            RelationshipPaused: reactions.on_pair_changed,
            RelationshipResumed: reactions.on_pair_changed,
            RelationshipClosed: reactions.on_pair_changed,
            AgreementInForce: reactions.on_pair_changed,
            AgreementProposed: reactions.on_pair_changed,
            AgreementReviewDue: reactions.on_pair_changed,
            AgreementSigned: reactions.on_pair_changed,
            AgreementWithdrawn: reactions.on_pair_changed,
            CheckInAnswered: reactions.on_pair_changed,
            CheckInOpened: reactions.on_pair_changed,
            GoalChanged: reactions.on_pair_changed,
            IntroductionEnding: reactions.on_pair_changed,
            MeetingAgreed: reactions.on_pair_changed,
            MeetingCancelled: reactions.on_pair_changed,
            MeetingChanged: reactions.on_pair_changed,
            MeetingDeclined: reactions.on_pair_changed,
            MeetingHeld: reactions.on_pair_changed,
            MeetingMissed: reactions.on_pair_changed,
            MeetingProposed: reactions.on_pair_changed,
            MeetingReminded: reactions.on_pair_changed,
            MeetingUnknown: reactions.on_pair_changed,
            MentorshipActivated: reactions.on_pair_changed,
            MentorshipBegan: reactions.on_pair_changed,
            MentorshipContinued: reactions.on_pair_changed,
            MentorshipEnded: reactions.on_pair_changed,
            MentorshipPaused: reactions.on_pair_changed,
            MentorshipQuestioned: reactions.on_pair_changed,
            MentorshipResumed: reactions.on_pair_changed,
            MentorshipReturnDue: reactions.on_pair_changed,
            MentorshipSilent: reactions.on_pair_changed,
            MessageSent: reactions.on_pair_changed,
            PeriodEnding: reactions.on_pair_changed,
            ReturnPlanned: reactions.on_pair_changed,
            SupportChanged: reactions.on_confidential,
            HearerListed: reactions.on_confidential,
            PairLapsed: reactions.on_left_over,
            MenteeUnmatched: reactions.on_left_over,
            ErasureRequested: reactions.on_erasure_request_changed,
            ErasureWithdrawn: reactions.on_erasure_request_changed,
        }
    )
    return Slice()
