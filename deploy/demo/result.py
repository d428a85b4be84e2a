"""What the job found, for the summary and for tests."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.demo.following import Followed
from deploy.demo.founding import Enrolled
from deploy.demo.reading import Inbox, Shortlist
from deploy.demo.rosters import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    imports: Mapping[str, Counts]
    """By source."""
    members: tuple[Enrolled, ...]
    lists: tuple[Shortlist, ...]
    """Of every enrolment as a mentee, as they stand after the live changes."""
    inboxes: tuple[Inbox, ...]
    """Of every mentee, before the live changes."""
    followed: tuple[Followed, ...]
    heard: Mapping[str, int]
    """Events by topic."""
    seconds: float

    @property
    def told(self) -> int:
        """Every telling takes a position; one may update what is still unread."""
        return sum(inbox.position for inbox in self.inboxes)

    @property
    def unmatched(self) -> tuple[Shortlist, ...]:
        return tuple(one for one in self.lists if one.unmatched)

    @property
    def example(self) -> Shortlist | None:
        """The list with most to say: of a mentee who sees other institutions' mentors too, if there is one."""
        full = [one for one in self.lists if one.suggested]
        return max(full, key=lambda one: (_institutions(one), len(one.suggested), one.enrolment), default=None)


def _institutions(shortlist: Shortlist) -> int:
    return len({one.institution for one in shortlist.suggested})
