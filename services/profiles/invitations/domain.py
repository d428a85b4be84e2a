"""An invitation: a one-time code, kept as a hash, for one member."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    code_hash: str
    institution: str
    member: str
    expires_at: datetime
    used_at: datetime | None = None
