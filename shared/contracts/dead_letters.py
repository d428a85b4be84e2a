"""Dead-letter events: the origin of a parked record and the reason, never its value."""

from typing import Annotated, ClassVar

from shared.contracts.payload import Code, Count, Payload, between

NETWORK = "preceptor"
"""The institution of dead-letter records, which are for the network's operators."""


class RecordParked(Payload):
    """A record could not be handled and was parked. For operators, one type for each service."""

    AGGREGATE: ClassVar[str] = "parked"

    parked: Code
    """Id of the parked record in the service's store; the operator's command takes it."""
    consumer: Code
    topic: Code
    partition: Count
    offset: Annotated[int, between(0, (1 << 63) - 1)]
    key_hash: Code
    """SHA-256, hexadecimal. The key itself would name an institution and an aggregate."""
    reason: Code
    """A code: `malformed`, `newer_major`, `handler_failed`, `behind_parked`, …"""
    fingerprint: Code
    """Equal for records that failed in the same way."""
    attempts: Count

    @property
    def tenant(self) -> str:
        return NETWORK


class ProfilesRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.profiles.record.parked.v1"
    TOPIC: ClassVar[str] = "profiles.dead-letters"


class MatchingRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.matching.record.parked.v1"
    TOPIC: ClassVar[str] = "matching.dead-letters"


class MentorshipsRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.mentorships.record.parked.v1"
    TOPIC: ClassVar[str] = "mentorships.dead-letters"


class NotificationsRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.notifications.record.parked.v1"
    TOPIC: ClassVar[str] = "notifications.dead-letters"
