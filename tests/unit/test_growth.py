"""What somebody sends costs no more than its size: four times as much takes about four times as long, never sixteen.

Work inside C functions is no count of calls, so CPU time of this thread is compared with itself, the best of several
tries: noise makes a try slower and never faster, and a cost that grows with the square misses the bound in every one.
"""

import gc
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from deploy.rounds import spreadsheets
from services.matching.conflicts.api import _rows
from services.matching.rounds.solver import checks
from services.matching.rounds.solver.files import read_input
from services.mentorships.meetings.domain.plans import Wanted, plan
from services.profiles.institutions import domain as institutions
from services.profiles.institutions.domain import Institution
from services.profiles.rosters.domain.fields import ROSTER
from services.profiles.vocabulary.domain.terms import Term
from services.profiles.vocabulary.domain.vocabulary import Vocabulary
from shared.contracts.profiles import ExchangeTerms
from shared.errors import Rejected
from shared.http import from_cursor, to_cursor
from shared.spreadsheets import mapping
from shared.spreadsheets.mapping import Section
from shared.strict_json import Unreadable, read_body
from tests.unit import roster_rows

MAPPING = "sections:\n  people:\n    fields:\n      name: {column: name}\n      email: {column: mail}\n"


def parse(text: bytes, section: str) -> Section:
    return mapping.parse(text, section, ROSTER)


PEOPLE = parse(MAPPING.encode(), "people")
SPLIT = parse((MAPPING + "      topics_offered: {column: t, split: ',', slug: true}\n").encode(), "people")
WISH = '"rank": 1, "mentor_rank": 1, "score": 1'
ROUND = '{"format": "preceptor-round-input/1", "round": "r", "target": "fit", "policy": {"id": "p"}, '


def roster(text: str, section: Section = PEOPLE) -> None:
    list(roster_rows.rows(io.BytesIO(text.encode()), section))


def edition(size: int) -> None:
    terms = [
        Term(id=f"t{n}", kind="topic", labels={"en": f"Topic {n}"}, broader=(f"t{n % 5}",) if n > 5 else ())
        for n in range(size)
    ]
    Vocabulary([]).check(terms)


def round_file(mentors: int, pins: int, exchanges: int) -> str:
    people = ", ".join(f'{{"id": "m{n}", "institution": "i", "capacity": 0}}' for n in range(mentors))
    mentees = ", ".join(
        f'{{"id": "e{n}", "institution": "j", "wishes": [{{"mentor": "m{n}", {WISH}}}]}}' for n in range(pins)
    )
    pinned = ", ".join(f'{{"mentee": "e{n}", "mentor": "m{n}"}}' for n in range(pins))
    across = ", ".join(
        f'{{"mentee_institution": "j", "mentor_institution": "i{n}", "at_most": 1}}' for n in range(exchanges)
    )
    return f'{ROUND}"mentors": [{people}], "mentees": [{mentees}], "pins": [{pinned}], "exchanges": [{across}]}}'


def exchange(partners: int) -> None:
    names = [f"i{n}" for n in range(partners)]
    terms = tuple(ExchangeTerms(partner=name) for name in names)
    institutions.change(Institution(id="here", name="Here"), {"exchanges_with": tuple(names), "exchange_terms": terms})


def sheets(column: int) -> None:
    plan = "round: {id: r, programme: p}\n" + MAPPING + "    enrol: [{programme: p, roles: mentee}]\n"
    header = ",".join(["name", "mail", *(f"c{n}" for n in range(column))]).encode()
    sections = plan.replace("  people:", "  mentors:") + plan.partition("sections:\n")[2].replace("people:", "mentees:")
    spreadsheets.read(spreadsheets.Given(mentors=header, mentees=header, mapping=sections.encode()))


def skipping(days: int) -> None:
    starts = datetime.fromisoformat("2027-01-04T17:00")
    skipped = [starts.date() + timedelta(days=day) for day in range(1, days)]
    plan(Wanted(starts=starts, zone="UTC", minutes=45, rule="FREQ=DAILY", skipped=skipped, place="", link=""))


INTAKES: dict[str, tuple[int, Callable[[int], str | bytes | int], Callable[[str | bytes | int], object]]] = {
    "a roster's columns": (
        25_000,
        lambda n: ",".join(f"c{i}" for i in range(n)) + "\n",
        lambda text: roster(str(text)),
    ),
    "a roster's column, many times": (25_000, lambda n: "c," * n + "\n", lambda text: roster(str(text))),
    "a roster's rows": (
        2_000,
        lambda n: "name,mail\n" + "".join(f"A,a{i}@x.org\n" for i in range(n)),
        lambda t: roster(str(t)),
    ),
    "a roster's cells": (50_000, lambda n: "name,mail\n" + "a," * n + "\n", lambda text: roster(str(text))),
    "a roster's values": (
        4_000,
        lambda n: "name,mail,t\n" + ("A,a@x.org,'" + "a;" * 50 + "'\n") * n,
        lambda text: roster(str(text), SPLIT),
    ),
    "a roster's value": (
        30_000,
        lambda n: 'name,mail,t\nA,a@x.org,"' + "a," * n + '"\n',
        lambda t: roster(str(t), SPLIT),
    ),
    "a mapping's fields": (
        3_000,
        lambda n: MAPPING + "".join(f"      f{i}: {{column: c{i}}}\n" for i in range(n)),
        lambda text: parse(str(text).encode(), "people"),
    ),
    "a mapping's nesting": (60_000, lambda n: "[" * n, lambda text: parse(str(text).encode(), "people")),
    "a mapping's directives": (
        2_500,
        lambda n: "".join(f"%TAG !a{i}! tag:x\n" for i in range(n)) + "--- a",
        lambda text: parse(str(text).encode(), "people"),
    ),
    "a mapping's ignored columns": (
        10_000,
        lambda n: MAPPING + "    ignore: [" + ",".join(f"c{i}" for i in range(n)) + "]\n",
        lambda text: parse(str(text).encode(), "people"),
    ),
    "a body's nesting": (100_000, lambda n: b"[" * n + b"]" * n, lambda body: read_body(bytes(body))),
    "a body's open brackets": (250_000, lambda n: b"[" * n, lambda body: read_body(bytes(body))),
    "a body's quotes": (200_000, lambda n: b'\\"' * n, lambda body: read_body(bytes(body))),
    "a body's keys": (
        20_000,
        lambda n: b"{" + b",".join(b'"k%d":1' % i for i in range(n)) + b"}",
        lambda body: read_body(bytes(body)),
    ),
    "a body's values": (100_000, lambda n: b"[" + b"1," * n + b"1e999]", lambda body: read_body(bytes(body))),
    "a body's digits": (250_000, lambda n: b"0." + b"1" * n, lambda body: read_body(bytes(body))),
    "a cursor": (100_000, lambda n: to_cursor("x" * n), lambda text: from_cursor(str(text))),
    "rotations' columns": (50_000, lambda n: b"c," * n + b"\n", lambda content: _rows(bytes(content))),
    "rotations' rows": (
        500,
        lambda n: b"id,assessor,assessed,from,to\n" + b"1,a,b,2027-01-01,2027-02-01\n" * n,
        lambda content: _rows(bytes(content)),
    ),
    "a round's keys": (
        20_000,
        lambda n: b"{" + b",".join(b'"k%d":1' % i for i in range(n)) + b',"k%d":1}' % (n - 1),
        lambda content: read_input(bytes(content)),
    ),
    "a round's pins and ceilings": (
        500,
        lambda n: round_file(n, n, n),
        lambda content: checks.check(read_input(str(content).encode())),
    ),
    "a meeting plan's skipped days": (200, lambda n: n, lambda n: skipping(int(n))),
    "an institution's terms": (2_000, lambda n: n, lambda n: exchange(int(n))),
    "a vocabulary's edition": (500, lambda n: n, lambda n: edition(int(n))),
    "a spreadsheet's columns": (25_000, lambda n: n, lambda n: sheets(int(n))),
}


@pytest.fixture(autouse=True, scope="module")
def few_objects_to_collect() -> Iterator[None]:
    """A collection would look at every test of the run, for half a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", INTAKES)
def test_four_times_as_much_costs_about_four_times_as_much(name: str) -> None:
    size, made, taken = INTAKES[name]
    small, large = made(size), made(4 * size)
    ratios = []
    for _ in range(8):
        ratios.append(_cost(taken, large) / max(_cost(taken, small), 0.0005))
        if ratios[-1] < 9:
            return
    pytest.fail(f"{name}: four times as much costs {min(ratios):.1f} times as much")


def _cost(taken: Callable[[str | bytes | int], object], sent: str | bytes | int) -> float:
    gc.collect()
    began = time.thread_time()
    with suppress(Rejected, Unreadable):
        taken(sent)
    return time.thread_time() - began
