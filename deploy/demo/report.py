"""What the demo found, printed as a summary after its progress. It contains no names and no addresses of people."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.following import COALESCED_SECONDS, Followed, Hop
from deploy.demo.founding import Member
from deploy.demo.mentorship import Mentored
from deploy.demo.reading import Inbox, Shortlist

_EXAMPLE_LENGTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    imports: Mapping[str, Mapping[str, int]]
    """Rows by outcome, by source."""
    members: tuple[Member, ...]
    lists: tuple[Shortlist, ...]
    """Of every enrolment as a mentee, after the live changes."""
    inboxes: tuple[Inbox, ...]
    """Of every mentee, before the live changes."""
    followed: tuple[Followed, ...]
    mentored: Mentored
    events: Mapping[str, int]
    """By topic."""
    seconds: float

    @property
    def notifications(self) -> int:
        """New ones and updates of unread ones: each takes a position."""
        return sum(inbox.position for inbox in self.inboxes)

    @property
    def example(self) -> Shortlist:
        """The list with mentors of most institutions, the longest of those."""
        return max(self.lists, key=lambda shortlist: (_institutions(shortlist), len(shortlist.items)))


def _institutions(shortlist: Shortlist) -> int:
    return len({suggested.institution for suggested in shortlist.items})


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """`step(name, total)` begins a line and returns what advances it by one."""
    columns = (TextColumn("  {task.description}"), BarColumn(bar_width=16), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:

        def step(name: str, total: int) -> Callable[[], None]:
            task = bars.add_task(name, total=total)
            return lambda: bars.advance(task)

        yield step


def summary(result: Result, console: Console) -> None:
    console.print()
    for table in (_people(result), _lists(result.lists), _reasons(result.lists)):
        console.print(table)
    for followed in result.followed:
        console.print(_hops(followed))
        console.print(f"  “{followed.title}” (correlation id {followed.correlation})", highlight=False, markup=False)
        if followed.change.leaving_mentor:
            console.print(_others(followed), highlight=False, markup=False)
    console.print(_example(result.example))
    console.print(_stages(result.mentored))
    console.print(_calendar(result.mentored), highlight=False, markup=False)
    console.print(
        f"{len(result.lists)} lists, {result.notifications} notifications for {len(result.inboxes)} mentees; events: "
        + ", ".join(f"{count} on {topic}" for topic, count in sorted(result.events.items()))
        + f"; the job took {result.seconds:.1f} s",
        highlight=False,
        markup=False,
    )


def _people(result: Result) -> Table:
    table = _table("People", "institution", "people", "mentors", "full mentors", "mentees")
    for institution in sorted({member.institution for member in result.members}):
        people = [member for member in result.members if member.institution == institution]
        mentors = [member for member in people if member.mentor_in]
        full = sum(mentor.capacity == 0 for mentor in mentors)
        mentees = sum(bool(member.mentee_in) for member in people)
        table.add_row(institution, *map(str, (len(people), len(mentors), full, mentees)))
    return table


def _lists(lists: Sequence[Shortlist]) -> Table:
    table = _table("Lists", "programme", "mentees", "with a list", "mentors on it", "unmatched")
    for programme in sorted({shortlist.programme for shortlist in lists}):
        lengths = [len(shortlist.items) for shortlist in lists if shortlist.programme == programme]
        matched = [length for length in lengths if length]
        span = f"{min(matched)} to {max(matched)}" if matched else "-"
        table.add_row(programme, str(len(lengths)), str(len(matched)), span, str(len(lengths) - len(matched)))
    return table


def _reasons(lists: Sequence[Shortlist]) -> Table:
    table = _table("Unmatched", "reason", "in words", "lists")
    reasons = Counter(shortlist.unmatched for shortlist in lists if shortlist.unmatched)
    for reason, count in reasons.most_common():
        table.add_row(reason.code, reason.explanation, str(count))
    return table


def _hops(followed: Followed) -> Table:
    table = _table(followed.change.summary, "hop", "after the request", "after the hop before")
    hops = sorted(followed.hops, key=lambda hop: hop.at_ms)
    for before, hop in pairwise((Hop("", 0.0), *hops)):
        table.add_row(hop.name, _duration(hop.at_ms), f"+ {_duration(hop.at_ms - before.at_ms)}")
    return table


def _others(followed: Followed) -> str:
    return (
        f"  Effects on others' lists are collected for {COALESCED_SECONDS} s before they are published, so that an "
        "import causes one notification; reading a list leaves full mentors out at once. "
        f"All {len(followed.change.lists)} lists had changed after {_duration(followed.last_list_ms)}."
    )


def _example(shortlist: Shortlist) -> Table:
    table = _table(f"One mentee's list in {shortlist.programme}", "rank", "mentor of", "fits", "because")
    for suggested in shortlist.items[:_EXAMPLE_LENGTH]:
        table.add_row(str(suggested.rank), suggested.institution, f"{suggested.match} %", " ".join(suggested.reasons))
    return table


def _stages(mentored: Mentored) -> Table:
    table = _table("One mentorship", "on", "what happens", "events", "who is notified")
    for column in table.columns:
        column.overflow = "fold"
    for stage in mentored.stages:
        table.add_row(f"{stage.on:%d %b %Y}", stage.name, "\n".join(stage.events), "\n".join(stage.notified))
    return table


def _calendar(mentored: Mentored) -> str:
    """The lines that make the meetings, without the name of the other person."""
    shown = ("UID", "SEQUENCE", "DTSTART", "DURATION", "RRULE", "STATUS")
    lines = [line for line in mentored.calendar.partition("BEGIN:VEVENT")[2].splitlines() if line.startswith(shown)]
    return "  Their calendar file: " + "  ".join(lines)


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left")


def _duration(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"  # noqa: PLR2004 -- a second
