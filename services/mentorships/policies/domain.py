"""What a programme sets for its mentorships. A programme that has set nothing has the defaults."""

from dataclasses import dataclass, replace

DEFAULT_INTRODUCTION_DAYS = 30
MAX_INTRODUCTION_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class MentoringPolicy:
    programme: str
    institution: str
    """The programme's owner."""
    version: int = 0
    """0 while the programme has set nothing."""
    introduction_days: int = DEFAULT_INTRODUCTION_DAYS
    """0: mentorships begin without an introduction."""


def change(policy: MentoringPolicy, *, introduction_days: int) -> MentoringPolicy:
    if introduction_days == policy.introduction_days and policy.version:
        return policy
    return replace(policy, introduction_days=introduction_days, version=policy.version + 1)
