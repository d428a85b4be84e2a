"""A result for people: a table on the terminal, a CSV to mail from, a plot of ranks and load."""

import csv
import io
from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from services.matching.repairs.domain.departed import RoundRepair
from services.matching.rounds.solver.files import Reason, RoundInput, RoundResult, Unmatched

Names = Mapping[str, tuple[str, str]]
"""Name and address by pseudonym; empty where only pseudonyms are known."""

WHY: Mapping[Reason, str] = {
    "no_wishes": "no mentor can be matched with this mentee",
    "excluded": "a coordinator excluded every possible mentor",
    "closed": "no possible mentor takes mentees (capacity 0)",
    "outranked": "every possible mentor is full with mentees whom they rank higher",
    "outweighed": "every possible seat went to somebody for whom it counts more",
}
_SHOWN = 15
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def show(result: RoundResult, names: Names, console: Console) -> None:
    table = Table("", *(f"{name}{' (chosen)' if name == result.target else ''}" for name in ("fit", "coverage")))
    both = (result.figures.fit, result.figures.coverage)
    for label, cells in (("matched", "matched"), ("first choices", "first_choices"), ("score", "score")):
        table.add_row(label, *(str(getattr(one, cells)) if one else "" for one in both))
    table.add_row("mean rank", *(_thousandths(one.mean_place_thousandths) if one else "" for one in both))
    table.add_row("load Gini", *(_thousandths(one.load_gini_thousandths) if one else "" for one in both))
    console.print(table)
    _show_flow(result, console)
    _show_unmatched(result, names, console)


def show_repair(plan: RoundRepair, console: Console) -> None:
    """Pseudonyms, as in the round's files."""
    table = Table("mentee", "leaves", "for", "why", title="what changes (all others keep their mentor)")
    for step in plan.steps:
        for place, one in enumerate(step):
            table.add_row(one.mentee, one.leaves, one.mentor, "makes room" if place else "displaced")
    for left in plan.left_behind:
        table.add_row(left.mentee, left.leaves, "", f"left behind: {left.reason.replace('_', ' ')}")
    console.print(table)
    placed = f"{plan.displaced - len(plan.left_behind)} of {plan.displaced} displaced placed"
    moved = f"{plan.bystanders_moved} bystanders moved, {plan.bystanders_at_most} at most"
    console.print(f"{placed}; {moved}; {plan.blocking_pairs} blocking pairs", highlight=False)


def _show_flow(result: RoundResult, console: Console) -> None:
    figures = [one for one in (result.figures.fit, result.figures.coverage) if one]
    counted = [{(each.mentee_institution, each.mentor_institution): each.pairs for each in one.flow} for one in figures]
    every = set().union(*counted)
    if len({name for pair in every for name in pair}) < 2:  # noqa: PLR2004 -- nothing flows inside one
        return
    targets = ("fit", "coverage") if len(figures) > 1 else (result.target,)
    table = Table("mentees of", "mentors of", *targets, title="flow between institutions: pairs")
    most = sorted(every, key=lambda pair: (-max(one.get(pair, 0) for one in counted), pair))
    for pair in most[:_SHOWN]:
        table.add_row(*pair, *(str(one.get(pair, 0)) for one in counted))
    if rest := most[_SHOWN:]:
        table.add_row(f"… and {len(rest)} more", "", *(str(sum(one.get(p, 0) for p in rest)) for one in counted))
    console.print(table)


def _show_unmatched(result: RoundResult, names: Names, console: Console) -> None:
    if not result.unmatched:
        return
    table = Table("position", "mentee", "waiting days", "why", "what would change it", title="unmatched")
    for one in result.unmatched[:_SHOWN]:
        change = _change(one, names, result)
        table.add_row(str(one.position), _name(one.mentee, names), str(one.waiting_days), WHY[one.reason], change)
    if len(result.unmatched) > _SHOWN:
        table.add_row("", f"… and {len(result.unmatched) - _SHOWN} more", "", "", "")
    console.print(table)


def _change(one: Unmatched, names: Names, result: RoundResult) -> str:
    if not one.opens:
        return "other wishes, a more complete profile, or one exclusion less"
    first = one.opens[0]
    seats = f"{first.seats} more {'seat' if first.seats == 1 else 'seats'} with {_name(first.mentor, names)}"
    return seats if result.target == "fit" else f"{seats} (for whoever fits best of those waiting)"


def _name(id: str, names: Names) -> str:
    return names[id][0] if id in names else id


def _thousandths(value: int) -> str:
    return f"{value // 1000}.{value % 1000:03}"


def mailing(result: RoundResult, names: Names) -> str:
    """One line a mentee, by id. No cell is a formula to any spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        ["mentee", "mentee name", "mentee e-mail", "mentor", "mentor name", "mentor e-mail", "rank", "position", "note"]
    )
    left = {one.mentee: one for one in result.unmatched}
    for one in result.mentees:
        waits = left.get(one.id)
        note = ("pinned" if one.pinned else "") if waits is None else WHY[waits.reason]
        cells = (
            *(one.id, *names.get(one.id, ("", ""))),
            *(one.mentor or "", *names.get(one.mentor or "", ("", ""))),
            *("" if one.place is None else str(one.place), "" if waits is None else str(waits.position), note),
        )
        writer.writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A quote before what a spreadsheet would calculate (OWASP: CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def plot(result: RoundResult, round: RoundInput, suffix: str) -> bytes:
    """A PNG or SVG: how many got which wish, and how many people each mentor holds of their capacity."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    drawing = Figure(figsize=(10, 4), layout="constrained")
    ranks, load = drawing.subplots(1, 2)
    places = Counter(one.place for one in result.mentees if one.place is not None)
    ranks.bar(list(places), list(places.values()), label="matched")
    ranks.bar([0], [len(result.unmatched)], label="unmatched")
    ranks.set(title=f"which wish came true ({result.target})", xlabel="rank of the mentor (0: none)", ylabel="mentees")
    capacity = {one.id: one.capacity for one in round.mentors}
    held = [(len(one.mentees), capacity[one.id]) for one in result.mentors if capacity[one.id] > 0]
    most = max((seats for _, seats in held), default=0)
    for free in (False, True):
        counted = Counter(people for people, seats in held if (people < seats) is free)
        below = Counter(people for people, seats in held if people == seats) if free else Counter[int]()
        load.bar(
            range(most + 1),
            [counted[people] for people in range(most + 1)],
            bottom=[below[people] for people in range(most + 1)],
            label="has a seat left" if free else "full",
        )
    load.set(title="load", xlabel="people held", ylabel="mentors")
    for axes in (ranks, load):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    file = io.BytesIO()
    drawing.savefig(file, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
    return file.getvalue()
