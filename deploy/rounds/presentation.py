"""Presents a result: tables on the terminal, a CSV file for a mail merge, a plot of ranks and load."""

import io
from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from services.matching.repairs.domain.departed import RoundRepair
from services.matching.rounds.solver.files import Reason, RoundInput, RoundResult, Unmatched
from shared.csv_lines import csv_line

Names = Mapping[str, tuple[str, str]]
"""Name and address by pseudonym; empty where only pseudonyms are known."""

WHY: Mapping[Reason, str] = {
    "no_wishes": "no mentor can be matched with this mentee",
    "excluded": "a coordinator excluded every possible mentor",
    "closed": "no possible mentor takes mentees (capacity 0)",
    "outranked": "every possible mentor is full with mentees whom they rank higher",
    "outweighed": "every possible seat went to a mentee for whom it counts more",
}
_SHOWN = 15
_MAILING = (
    *("mentee", "mentee name", "mentee e-mail", "mentor", "mentor name", "mentor e-mail"),
    *("rank", "position", "note"),
)


def show(result: RoundResult, names: Names, console: Console) -> None:
    table = Table("", *(f"{name}{' (chosen)' if name == result.target else ''}" for name in ("fit", "coverage")))
    both = (result.figures.fit, result.figures.coverage)
    for label, cells in (("matched", "matched"), ("first choices", "first_choices"), ("score", "score")):
        table.add_row(label, *(str(getattr(figures, cells)) if figures else "" for figures in both))
    table.add_row("mean rank", *(_thousandths(figures.mean_place_thousandths) if figures else "" for figures in both))
    table.add_row("load Gini", *(_thousandths(figures.load_gini_thousandths) if figures else "" for figures in both))
    console.print(table)
    _show_flow(result, console)
    _show_unmatched(result, names, console)


def show_repair(plan: RoundRepair, console: Console) -> None:
    """Pseudonyms, as in the round's files."""
    table = Table("mentee", "leaves", "for", "why", title="what changes (all others keep their mentor)")
    for step in plan.steps:
        for position, move in enumerate(step):
            table.add_row(move.mentee, move.leaves, move.mentor, "makes room" if position else "displaced")
    for left in plan.left_behind:
        table.add_row(left.mentee, left.leaves, "", f"left behind: {left.reason.replace('_', ' ')}")
    console.print(table)
    placed = f"{plan.displaced - len(plan.left_behind)} of {plan.displaced} displaced placed"
    moved = f"{plan.bystanders_moved} bystanders moved, {plan.bystanders_at_most} at most"
    console.print(f"{placed}; {moved}; {plan.blocking_pairs} blocking pairs", highlight=False)


def _show_flow(result: RoundResult, console: Console) -> None:
    solutions = [figures for figures in (result.figures.fit, result.figures.coverage) if figures]
    counts = [
        {(flow.mentee_institution, flow.mentor_institution): flow.pairs for flow in figures.flow}
        for figures in solutions
    ]
    pairs = set().union(*counts)
    if len({institution for pair in pairs for institution in pair}) < 2:  # noqa: PLR2004 -- a flow needs two
        return
    targets = ("fit", "coverage") if len(solutions) > 1 else (result.target,)
    table = Table("mentees of", "mentors of", *targets, title="flow between institutions: pairs")
    largest = sorted(pairs, key=lambda pair: (-max(count.get(pair, 0) for count in counts), pair))
    for pair in largest[:_SHOWN]:
        table.add_row(*pair, *(str(count.get(pair, 0)) for count in counts))
    if rest := largest[_SHOWN:]:
        sums = (sum(count.get(pair, 0) for pair in rest) for count in counts)
        table.add_row(f"… and {len(rest)} more", "", *map(str, sums))
    console.print(table)


def _show_unmatched(result: RoundResult, names: Names, console: Console) -> None:
    if not result.unmatched:
        return
    table = Table("position", "mentee", "waiting days", "why", "what would change it", title="unmatched")
    for mentee in result.unmatched[:_SHOWN]:
        table.add_row(
            str(mentee.position),
            _name(mentee.mentee, names),
            str(mentee.waiting_days),
            WHY[mentee.reason],
            _change(mentee, names, result),
        )
    if len(result.unmatched) > _SHOWN:
        table.add_row("", f"… and {len(result.unmatched) - _SHOWN} more", "", "", "")
    console.print(table)


def _change(unmatched: Unmatched, names: Names, result: RoundResult) -> str:
    if not unmatched.opens:
        return "other wishes, a more complete profile, or one exclusion less"
    first = unmatched.opens[0]
    seats = f"{first.seats} more {'seat' if first.seats == 1 else 'seats'} with {_name(first.mentor, names)}"
    return seats if result.target == "fit" else f"{seats} (for the waiting mentee who fits best)"


def _name(id: str, names: Names) -> str:
    return names[id][0] if id in names else id


def _thousandths(value: int) -> str:
    return f"{value // 1000}.{value % 1000:03}"


def mailing(result: RoundResult, names: Names) -> str:
    """One line for each mentee, by id. No spreadsheet program reads a cell as a formula."""
    lines = [csv_line(_MAILING)]
    unmatched = {mentee.mentee: mentee for mentee in result.unmatched}
    for mentee in result.mentees:
        waiting = unmatched.get(mentee.id)
        note = ("pinned" if mentee.pinned else "") if waiting is None else WHY[waiting.reason]
        cells = (
            *(mentee.id, *names.get(mentee.id, ("", ""))),
            *(mentee.mentor or "", *names.get(mentee.mentor or "", ("", ""))),
            *(
                "" if mentee.place is None else str(mentee.place),
                "" if waiting is None else str(waiting.position),
                note,
            ),
        )
        lines.append(csv_line(cells))
    return "".join(lines)


def plot(result: RoundResult, round: RoundInput, suffix: str) -> bytes:
    """A PNG or SVG of the ranks that mentees got and of the mentors' load."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    drawing = Figure(figsize=(10, 4), layout="constrained")
    ranks, load = drawing.subplots(1, 2)
    places = Counter(mentee.place for mentee in result.mentees if mentee.place is not None)
    ranks.bar(list(places), list(places.values()), label="matched")
    ranks.bar([0], [len(result.unmatched)], label="unmatched")
    ranks.set(title=f"rank of the mentor ({result.target})", xlabel="rank (0: unmatched)", ylabel="mentees")
    capacity = {mentor.id: mentor.capacity for mentor in round.mentors}
    held = [(len(mentor.mentees), capacity[mentor.id]) for mentor in result.mentors if capacity[mentor.id] > 0]
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
    load.set(title="load", xlabel="mentees", ylabel="mentors")
    for axes in (ranks, load):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    file = io.BytesIO()
    drawing.savefig(file, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
    return file.getvalue()
