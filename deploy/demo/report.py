"""What the demo says: progress while it works, then a summary for people to read. No names, no addresses."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.following import COALESCED_SECONDS, Followed, Hop
from deploy.demo.reading import Shortlist
from deploy.demo.result import Result

_EXAMPLE_LENGTH = 5


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """`step(what, total)` begins a line and returns how to say how far it is."""
    columns = (TextColumn("  {task.description}"), BarColumn(bar_width=16), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:

        def step(what: str, total: int) -> Callable[[int], None]:
            task = bars.add_task(what, total=total)
            return lambda count: bars.update(task, completed=count)

        yield step


def summary(result: Result, console: Console) -> None:
    console.print()
    for table in (_people(result), _lists(result.lists), _reasons(result.lists)):
        console.print(table)
    for followed in result.followed:
        console.print(_hops(followed))
        console.print(f"  “{followed.title}” (correlation id {followed.correlation})", highlight=False, markup=False)
        if followed.is_gathered:
            console.print(_others(followed), highlight=False, markup=False)
    console.print(_example(result.example))
    console.print(
        f"{len(result.lists)} lists, {result.told} notifications for {len(result.inboxes)} mentees; events heard: "
        + ", ".join(f"{count} on {topic}" for topic, count in sorted(result.heard.items()))
        + f"; the job took {result.seconds:.1f} s",
        highlight=False,
        markup=False,
    )


def _people(result: Result) -> Table:
    table = Table("institution", "people", "mentors", "of them full", "mentees", title="People", title_justify="left")
    for name in sorted({one.institution for one in result.members}):
        people = [one for one in result.members if one.institution == name]
        mentors = [one for one in people if one.mentor_in]
        full = sum(one.capacity == 0 for one in mentors)
        mentees = sum(bool(one.mentee_in) for one in people)
        table.add_row(name, *map(str, (len(people), len(mentors), full, mentees)))
    return table


def _lists(lists: Sequence[Shortlist]) -> Table:
    table = Table(
        "programme", "mentees", "with a list", "mentors on it", "unmatched", title="Lists", title_justify="left"
    )
    for programme in sorted({one.programme for one in lists}):
        own = [one for one in lists if one.programme == programme]
        lengths = [len(one.suggested) for one in own if one.suggested]
        shown = f"{min(lengths)} to {max(lengths)}" if lengths else "-"
        table.add_row(programme, str(len(own)), str(len(lengths)), shown, str(len(own) - len(lengths)))
    return table


def _reasons(lists: Sequence[Shortlist]) -> Table:
    table = Table("reason", "in words", "lists", title="Unmatched", title_justify="left")
    reasons = Counter((one.unmatched, one.explanation) for one in lists if one.unmatched)
    for (code, explanation), count in reasons.most_common():
        table.add_row(code, explanation, str(count))
    return table


def _hops(followed: Followed) -> Table:
    table = Table("hop", "after the request", "after the hop before", title=followed.what, title_justify="left")
    hops = sorted(followed.hops, key=lambda hop: hop.at_ms)
    for before, hop in pairwise((Hop("", 0.0), *hops)):
        table.add_row(hop.what, _ms(hop.at_ms), f"+ {_ms(hop.at_ms - before.at_ms)}")
    return table


def _others(followed: Followed) -> str:
    return (
        f"  What others' changes do to a list is gathered for {COALESCED_SECONDS} s before it is published, so that an "
        "import is heard of once; reading a list leaves out whoever has become full at once. "
        f"All {followed.lists} lists had changed after {_ms(followed.last_list_ms)}."
    )


def _example(shortlist: Shortlist | None) -> Table:
    title = f"One mentee's list in {shortlist.programme}" if shortlist else "No list with mentors"
    table = Table("rank", "mentor of", "fits", "because", title=title, title_justify="left")
    for one in shortlist.suggested[:_EXAMPLE_LENGTH] if shortlist else ():
        table.add_row(str(one.rank), one.institution, f"{one.percent} %", " ".join(one.reasons))
    return table


def _ms(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"  # noqa: PLR2004 -- a second
