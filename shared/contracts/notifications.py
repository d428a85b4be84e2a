"""The events of notifications: that a member was notified, and of what; never the text or the member's name."""

from typing import ClassVar

from shared.contracts.payload import Code, Id, Payload, Sequence, Slug


class NotificationRecorded(Payload):
    TYPE: ClassVar[str] = "org.preceptor.notifications.notification.recorded.v1"
    TOPIC: ClassVar[str] = "notifications.events"
    AGGREGATE: ClassVar[str] = "notification"

    notification: Id
    member: Id
    institution: Id
    template: Slug
    occasion: Code
    """One key per recipient, programme and cause; an unread document of the same occasion is updated, not repeated."""
    position: Sequence
    """The recipient's counter, which is the `Last-Event-ID` of their live stream."""


class NotificationsErasureCompleted(Payload):
    """The receipt of notifications: contact, inbox and counter of an erased member are deleted."""

    TYPE: ClassVar[str] = "org.preceptor.notifications.erasure.completed.v1"
    TOPIC: ClassVar[str] = "notifications.events"
    AGGREGATE: ClassVar[str] = "erasure"

    erasure: Id
    member: Id
    institution: Id
