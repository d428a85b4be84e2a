"""What the copies of profiles' states say of a person who is notified."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.notifications.kernel.domain import Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    recipient: Recipient
    locale: str
    zone: ZoneInfo
    is_active: bool
