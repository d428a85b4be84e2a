"""What every service says of a record that it set aside: where it came from and why; never its value."""

from typing import ClassVar

from shared.contracts.payload import Payload


class RecordParked(Payload):
    """Published to `<service>.dead-letters`, one type for each service; operators only."""

    parked: str
    """Id of the parked record in the service's own store: what the operator's command takes."""
    consumer: str
    topic: str
    partition: int
    offset: int
    key_hash: str
    """SHA-256, hexadecimal: the key names an institution and an aggregate."""
    reason: str
    """A code: `malformed`, `newer_major`, `handler_failed`, `behind_parked`, …"""
    fingerprint: str
    """Equal for records that failed in the same way."""
    attempts: int

    @property
    def aggregate(self) -> str:
        return self.parked


class ProfilesRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.profiles.record.parked.v1"
    TOPIC: ClassVar[str] = "profiles.dead-letters"


class MatchingRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.matching.record.parked.v1"
    TOPIC: ClassVar[str] = "matching.dead-letters"


class NotificationsRecordParked(RecordParked):
    TYPE: ClassVar[str] = "org.preceptor.notifications.record.parked.v1"
    TOPIC: ClassVar[str] = "notifications.dead-letters"
