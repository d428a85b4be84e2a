"""Checks a round's result against its input, from the two files alone: `./dev verify input.json result.json`.

Uses the standard library only and shares no code with the solver, so that it can be reviewed on its own (docs/rounds.md
says what each check proves). Exits with 0, with 1 and the first error, or with 2 if a file cannot be read.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INPUT, RESULT = "preceptor-round-input/1", "preceptor-round-result/1"
_64_BITS = 2**64 - 1


class Wrong(Exception):
    """The message says what is wrong, and where."""


def demand(condition: object, message: str) -> None:
    """Raises Wrong with the message if the condition is false."""
    if not condition:
        raise Wrong(message)


@dataclass(frozen=True, slots=True)
class OptionalKey:
    """A key of an object that may be missing, and its default."""

    shape: Any
    default: Any = None


WISH = {"mentor": str, "rank": int, "mentor_rank": int, "score": int}
PAIR = {"mentee": str, "mentor": str}
FIGURES = {
    "mentees": int,
    "matched": int,
    "first_choices": int,
    "mean_place_thousandths": int,
    "load_gini_thousandths": int,
    "score": int,
    "flow": [{"mentee_institution": str, "mentor_institution": str, "pairs": int}],
}
INPUT_SHAPE = {
    "format": str,
    "round": str,
    "target": str,
    "compare": OptionalKey(bool, default=True),
    "policy": {
        "id": str,
        "list_length": OptionalKey(int, 20),
        "score_band": OptionalKey(int, 0),
        "weights": OptionalKey({str: int}, {}),
    },
    "mentors": [{"id": str, "institution": str, "capacity": int}],
    "mentees": [
        {"id": str, "institution": str, "waiting_days": OptionalKey(int, 0), "wishes": OptionalKey([WISH], [])}
    ],
    "pins": OptionalKey([PAIR], []),
    "exclusions": OptionalKey([PAIR], []),
    "exchanges": OptionalKey([{"mentee_institution": str, "mentor_institution": str, "at_most": int}], []),
}
RESULT_SHAPE = {
    "format": str,
    "round": str,
    "target": str,
    "solver": str,
    "policy": str,
    "input": {"sha256": str, "file_sha256": str},
    "bonus": (int, None),
    "mentees": [
        {
            "id": str,
            "mentor": (str, None),
            "place": (int, None),
            "pinned": bool,
            "gain": (int, None),
            "better": [{"mentor": str, "why": str, "margin": (int, None)}],
        }
    ],
    "mentors": [{"id": str, "mentees": [str], "price": (int, None)}],
    "unmatched": [
        {
            "mentee": str,
            "position": int,
            "waiting_days": int,
            "reason": str,
            "opens": [{"mentor": str, "seats": int}],
        }
    ],
    "figures": {"fit": (FIGURES, None), "coverage": (FIGURES, None)},
    "sha256": str,
}


def canonical(value: Any) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as broken:
        raise Wrong(f"has no canonical form: {broken}") from None


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def loaded(content: bytes, name: str) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=_with_unique_keys)
    except (ValueError, RecursionError) as broken:
        raise Wrong(f"{name}: is not JSON: {broken}") from None


def _with_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return dict(pairs)


def shaped(value: Any, shape: Any, at: str) -> Any:
    """The value with defaults for missing keys. Raises Wrong if it is not of this shape."""
    if isinstance(shape, tuple):
        return None if value is None else shaped(value, shape[0], at)
    if isinstance(shape, list):
        demand(type(value) is list, f"{at}: must be a list")
        return [shaped(item, shape[0], f"{at}/{index}") for index, item in enumerate(value)]
    if isinstance(shape, dict):
        demand(type(value) is dict, f"{at}: must be an object")
        return _members(value, shape, at)
    demand(type(value) is shape, f"{at}: must be of type {shape.__name__}")
    demand(shape is not int or 0 <= value < 2**53, f"{at}: must be from 0 to 2^53 - 1")
    return value


def _members(value: dict[str, Any], shape: Mapping[Any, Any], at: str) -> dict[str, Any]:
    if str in shape:
        return {name: shaped(member, shape[str], f"{at}/{name}") for name, member in value.items()}
    demand(not value.keys() - shape.keys(), f"{at}: has unknown keys {sorted(value.keys() - shape.keys())}")
    filled = {}
    for name, part in shape.items():
        inner = part.shape if isinstance(part, OptionalKey) else part
        demand(name in value or isinstance(part, OptionalKey), f"{at}/{name}: is missing")
        filled[name] = shaped(value[name], inner, f"{at}/{name}") if name in value else part.default
    return filled


def read_files(input_bytes: bytes, result_bytes: bytes) -> tuple[Any, Any]:
    """Input and result as values. Raises Wrong unless their shapes and hashes are right."""
    raw_result = loaded(result_bytes, "result")
    result = shaped(raw_result, RESULT_SHAPE, "result")
    demand(result["format"] == RESULT, f"result/format: must be {RESULT}")
    demand(result_bytes == canonical(raw_result) + b"\n", "result: is not in canonical form (docs/rounds.md)")
    unsealed = {name: value for name, value in raw_result.items() if name != "sha256"}
    demand(result["sha256"] == sha256(canonical(unsealed)), "result/sha256: is not the hash of the rest of the result")
    demand(result["input"]["file_sha256"] == sha256(input_bytes), "result/input/file_sha256: is of another input file")
    raw_input = loaded(input_bytes, "input")
    demand(
        result["input"]["sha256"] == sha256(canonical(raw_input)),
        "result/input/sha256: is not the hash of the input's canonical form",
    )
    round = shaped(raw_input, INPUT_SHAPE, "input")
    demand(round["format"] == INPUT, f"input/format: must be {INPUT}")
    return round, result


def seed(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\n".join(parts).encode(), digest_size=8).digest(), "big")


def tie_breaker(mentee_seed: int, mentor_seed: int) -> int:
    """SplitMix64's finalizer over both seeds."""
    mixed = mentee_seed ^ mentor_seed
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _64_BITS
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _64_BITS
    return mixed ^ (mixed >> 31)


@dataclass(slots=True)
class Wish:
    mentee: str
    mentor: str
    rank: int
    score: int
    key: tuple[int, int, str]
    """Sort key in the mentor's order."""
    excluded: bool
    mentor_position: int = 0
    """Position in the mentor's strict order, from 0."""


@dataclass(slots=True)
class Round:
    """The input, with wishes in order: by mentee, the best first, and by mentor, by mentor_position."""

    name: str
    target: str
    capacity: dict[str, int]
    waiting: dict[str, int]
    home: dict[str, str]
    mentor_home: dict[str, str]
    pins: dict[str, str]
    ceilings: dict[tuple[str, str], int]
    """By mentee's and mentor's institution: the most pairs between them."""
    wishes: dict[str, list[Wish]] = field(default_factory=dict)
    wishes_for: dict[str, list[Wish]] = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)
    """By mentor: the seats that pins leave."""

    def is_open(self, wish: Wish) -> bool:
        return not wish.excluded and wish.mentee not in self.pins

    def is_live(self, wish: Wish) -> bool:
        return self.is_open(wish) and self.seats[wish.mentor] > 0


def parse_round(given: Any) -> Round:
    """The input as a round. Raises Wrong if it contradicts itself."""
    mentors = _by_id(given["mentors"], "input/mentors")
    mentees = _by_id(given["mentees"], "input/mentees")
    demand(given["target"] in ("fit", "coverage"), "input/target: must be fit or coverage")
    excluded = {(pair["mentee"], pair["mentor"]) for pair in given["exclusions"]}
    for mentee, mentor in sorted(excluded):
        demand(mentee in mentees and mentor in mentors, f"input/exclusions: {mentee} or {mentor} is unknown")
    round = Round(
        name=given["round"],
        target=given["target"],
        capacity={id: mentor["capacity"] for id, mentor in mentors.items()},
        waiting={id: mentee["waiting_days"] for id, mentee in mentees.items()},
        home={id: mentee["institution"] for id, mentee in mentees.items()},
        mentor_home={id: mentor["institution"] for id, mentor in mentors.items()},
        pins={pin["mentee"]: pin["mentor"] for pin in given["pins"]},
        ceilings={
            (ceiling["mentee_institution"], ceiling["mentor_institution"]): ceiling["at_most"]
            for ceiling in given["exchanges"]
        },
    )
    demand(len(round.ceilings) == len(given["exchanges"]), "input/exchanges: two institutions appear twice")
    demand(len(round.pins) == len(given["pins"]), "input/pins: a mentee is pinned twice")
    _add_wishes(round, mentees, excluded, most=given["policy"]["list_length"])
    _below_ceilings(round, [{wish.mentor for wish in wishes} for wishes in round.wishes.values()], "input: wishes")
    held = Counter(round.pins.values())
    round.seats = {mentor: seats - held[mentor] for mentor, seats in round.capacity.items()}
    for mentee, mentor in round.pins.items():
        wished = [wish for wish in round.wishes.get(mentee, []) if wish.mentor == mentor]
        demand(wished and not wished[0].excluded, f"input/pins: {mentee} and {mentor} may not be matched")
        demand(round.seats[mentor] >= 0, f"input/pins: {mentor} has more pins than capacity")
    return round


def _below_ceilings(round: Round, mentors: Sequence[set[str]], what: str) -> None:
    """Raises Wrong if the pairs across two institutions are more than their ceiling allows.

    `mentors` are those of each mentee, in the order of `wishes`; a mentee counts once.
    """
    across: Counter[tuple[str, str]] = Counter()
    for mentee, theirs in zip(round.wishes, mentors, strict=True):
        across.update({(round.home[mentee], round.mentor_home[mentor]) for mentor in theirs})
    for between, most in round.ceilings.items():
        demand(across[between] <= most, f"{what} of {between[0]} across to {between[1]}: {across[between]}, not {most}")


def _by_id(people: Sequence[Any], at: str) -> dict[str, Any]:
    known = {person["id"]: person for person in people}
    demand(len(known) == len(people), f"{at}: an id appears twice")
    return dict(sorted(known.items()))


def _add_wishes(round: Round, mentees: Mapping[str, Any], excluded: set[tuple[str, str]], *, most: int) -> None:
    seeds = {mentor: seed(mentor) for mentor in round.capacity}
    round.wishes_for = {mentor: [] for mentor in round.capacity}
    for mentee, person in mentees.items():
        own = seed(round.name, mentee)
        named = [wish["mentor"] for wish in person["wishes"]]
        demand(len(named) <= most, f"input/mentees: {mentee} has more wishes than policy/list_length")
        demand(len(set(named)) == len(named), f"input/mentees: {mentee} names a mentor twice")
        demand(round.capacity.keys() >= set(named), f"input/mentees: {mentee} names an unknown mentor")
        drawn = {mentor: tie_breaker(own, seeds[mentor]) for mentor in named}
        ordered = sorted(person["wishes"], key=lambda wish: (wish["rank"], drawn[wish["mentor"]], wish["mentor"]))
        round.wishes[mentee] = [
            Wish(
                mentee,
                wish["mentor"],
                wish["rank"],
                wish["score"],
                (wish["mentor_rank"], drawn[wish["mentor"]], mentee),
                (mentee, wish["mentor"]) in excluded,
            )
            for wish in ordered
        ]
        for wish in round.wishes[mentee]:
            round.wishes_for[wish.mentor].append(wish)
    for wishes in round.wishes_for.values():
        wishes.sort(key=lambda wish: wish.key)
        for mentor_position, wish in enumerate(wishes):
            wish.mentor_position = mentor_position


@dataclass(slots=True)
class Outcome:
    round: Round
    granted: dict[str, Wish | None]
    """By mentee."""
    held: dict[str, list[Wish]]
    """By mentor, in the mentor's order, with pinned mentees."""

    def unpinned(self, mentor: str) -> list[Wish]:
        """Granted wishes of mentees who are not pinned."""
        return [wish for wish in self.held[mentor] if wish.mentee not in self.round.pins]

    def better(self, mentee: str) -> list[Wish]:
        """The wishes that the mentee prefers to the granted one; all of them if none is granted."""
        wishes, granted = self.round.wishes[mentee], self.granted[mentee]
        return wishes if granted is None else wishes[: wishes.index(granted)]


def outcome_of(round: Round, result: Any) -> Outcome:
    """The pairs of the result. Raises Wrong if a pair is not allowed, or a mentor has more mentees than seats."""
    rows = result["mentees"]
    demand([row["id"] for row in rows] == list(round.wishes), "result/mentees: must be the input's, sorted by id")
    granted = {}
    for index, row in enumerate(rows):
        at = f"result/mentees/{index}"
        by_mentor = {wish.mentor: wish for wish in round.wishes[row["id"]]}
        wish = granted[row["id"]] = by_mentor.get(row["mentor"])
        demand(row["mentor"] is None or wish, f"{at}/mentor: is not among the mentee's wishes")
        demand(wish is None or not wish.excluded, f"{at}/mentor: the pair is excluded")
        demand(row["pinned"] == (row["id"] in round.pins), f"{at}/pinned: contradicts the input's pins")
        demand(round.pins.get(row["id"], row["mentor"]) == row["mentor"], f"{at}/mentor: is pinned to another mentor")
        demand(row["place"] == _place(round, wish), f"{at}/place: should be {_place(round, wish)}")
    _below_ceilings(round, [{wish.mentor} if wish else set() for wish in granted.values()], "result: pairs")
    held: dict[str, list[Wish]] = {mentor: [] for mentor in round.capacity}
    for wish in granted.values():
        if wish is not None:
            held[wish.mentor].append(wish)
    for mentor, wishes in held.items():
        wishes.sort(key=lambda wish: wish.mentor_position)
        demand(len(wishes) <= round.capacity[mentor], f"result: {mentor} holds more people than the capacity allows")
    expected = [(mentor, [wish.mentee for wish in wishes]) for mentor, wishes in held.items()]
    listed = [(row["id"], row["mentees"]) for row in result["mentors"]]
    demand(listed == expected, "result/mentors: do not hold those who are matched to them, sorted")
    return Outcome(round, granted, held)


def _place(round: Round, granted: Wish | None) -> int | None:
    if granted is None:
        return None
    return 1 + sum(wish.rank < granted.rank for wish in round.wishes[granted.mentee])


def check_stable(outcome: Outcome) -> None:
    """There is no blocking pair: no mentee and mentor who would both rather have each other."""
    last = _last_held(outcome)
    full = {mentor for mentor in outcome.held if len(outcome.unpinned(mentor)) >= outcome.round.seats[mentor]}
    for mentee in outcome.granted:
        for wish in outcome.better(mentee):
            if outcome.round.is_live(wish):
                demand(
                    wish.mentor in full, f"blocking pair: {mentee} would rather have {wish.mentor}, who has a seat left"
                )
                worse = wish.mentor_position < last[wish.mentor]
                demand(not worse, f"blocking pair: {mentee} and {wish.mentor} would both rather have each other")


def _last_held(outcome: Outcome) -> dict[str, int]:
    return {
        mentor: max((wish.mentor_position for wish in outcome.unpinned(mentor)), default=-1) for mentor in outcome.held
    }


def check_best_for_mentees(outcome: Outcome) -> None:
    """No other stable matching is better for any mentee: no rotation leads back to one (Gusfield & Irving 1989).

    Each mentor who holds a mentee points at the mentor who holds the next mentee that would rather have the former. A
    stable matching that is better for mentees exists if and only if these pointers form a cycle.
    """
    last = _last_held(outcome)
    rather = {mentee: {wish.mentor for wish in outcome.better(mentee)} for mentee in outcome.granted}
    points: dict[str, str] = {}
    for mentor, mentor_position in last.items():
        if mentor_position < 0:
            continue
        for wish in outcome.round.wishes_for[mentor][mentor_position + 1 :]:
            if outcome.round.is_open(wish) and mentor in rather[wish.mentee]:
                granted = outcome.granted[wish.mentee]
                if granted is not None:
                    points[mentor] = granted.mentor
                break
    _demand_acyclic(points)


def _demand_acyclic(points: Mapping[str, str]) -> None:
    done: set[str] = set()
    for start in points:
        path: list[str] = []
        now: str | None = start
        while now is not None and now not in done:
            done.add(now)
            path.append(now)
            now = points.get(now)
        demand(now not in path, f"another stable matching is better for every mentee whom it moves, around {now}")


def check_optimal(outcome: Outcome, result: Any) -> None:
    """Weak duality: price + gain is at least the value of each wish, and their sum is the value of the matching."""
    round = outcome.round
    every = [wish for wishes in round.wishes.values() for wish in wishes]
    bonus = len(round.wishes) * max((wish.score for wish in every), default=0) + 1
    demand(result["bonus"] == bonus, f"result/bonus: should be {bonus}: more than all scores together")
    price = {row["id"]: row["price"] for row in result["mentors"]}
    gain = {row["id"]: row["gain"] for row in result["mentees"]}
    demand(None not in price.values(), "result/mentors: a price is missing")
    demand(None not in gain.values(), "result/mentees: a gain is missing")
    for wish in every:
        if round.is_live(wish):
            covered = gain[wish.mentee] + price[wish.mentor] >= bonus + wish.score
            demand(covered, f"not the best: price and gain do not cover the wish of {wish.mentee} for {wish.mentor}")
    for mentee, granted in outcome.granted.items():
        counts = granted is not None and mentee not in round.pins
        value = bonus + granted.score - price[granted.mentor] if granted is not None and counts else 0
        demand(gain[mentee] == value, f"result/mentees: the gain of {mentee} should be {value}")
    for mentor, seats in round.seats.items():
        is_full = seats > 0 and len(outcome.unpinned(mentor)) == seats
        demand(is_full or price[mentor] == 0, f"not the best: {mentor} has a price and no seat that anybody pays for")


def check_certificate(outcome: Outcome, result: Any) -> None:
    last = _last_held(outcome)
    price = {row["id"]: row["price"] for row in result["mentors"]}
    for index, row in enumerate(result["mentees"]):
        expected = []
        for wish in outcome.better(row["id"]):
            why = _why(outcome.round, wish)
            margin = None
            if why == "outranked":
                margin = wish.mentor_position - last[wish.mentor]
            elif why == "outweighed":
                margin = row["gain"] + price[wish.mentor] - result["bonus"] - wish.score
            expected.append({"mentor": wish.mentor, "why": why, "margin": margin})
        demand(row["better"] == expected, f"result/mentees/{index}/better: does not follow from the two files")


def _why(round: Round, wish: Wish) -> str:
    if wish.excluded:
        return "excluded"
    if wish.mentee in round.pins:
        return "pinned"
    if round.capacity[wish.mentor] == 0:
        return "closed"
    if round.seats[wish.mentor] == 0:
        return "seats_pinned"
    return "outranked" if round.target == "fit" else "outweighed"


def check_unmatched(outcome: Outcome, result: Any) -> None:
    round = outcome.round
    left = [mentee for mentee, granted in outcome.granted.items() if granted is None]
    left.sort(key=lambda mentee: (-round.waiting[mentee], seed(round.name, mentee), mentee))
    demand([row["mentee"] for row in result["unmatched"]] == left, "result/unmatched: not those left over, in order")
    needed = _seats_needed(outcome)
    for index, row in enumerate(result["unmatched"]):
        opens = [wish for wish in round.wishes[row["mentee"]] if round.is_open(wish)]
        opens.sort(key=lambda wish: needed[wish.mentee, wish.mentor])
        expected = {
            "mentee": row["mentee"],
            "position": index + 1,
            "waiting_days": round.waiting[row["mentee"]],
            "reason": _reason(round, row["mentee"]),
            "opens": [{"mentor": wish.mentor, "seats": needed[wish.mentee, wish.mentor]} for wish in opens],
        }
        demand(row == expected, f"result/unmatched/{index}: does not follow from the two files")


def _seats_needed(outcome: Outcome) -> dict[tuple[str, str], int]:
    """By mentee and mentor: how many more seats of the mentor would grant the wish.

    For `fit`, 1 + the mentees whom the mentor ranks higher and who would rather have this mentor; for `coverage`, 1.
    """
    needed = {}
    rather = {mentee: {wish.mentor for wish in outcome.better(mentee)} for mentee in outcome.granted}
    for mentor, wishes in outcome.round.wishes_for.items():
        before = 0
        for wish in wishes:
            needed[wish.mentee, mentor] = before + 1
            comes = outcome.round.is_open(wish) and mentor in rather[wish.mentee]
            before += comes and outcome.round.target == "fit"
    return needed


def _reason(round: Round, mentee: str) -> str:
    wishes = round.wishes[mentee]
    possible = [wish for wish in wishes if not wish.excluded]
    if not wishes:
        return "no_wishes"
    if not possible:
        return "excluded"
    if all(round.capacity[wish.mentor] == 0 for wish in possible):
        return "closed"
    return "outranked" if round.target == "fit" else "outweighed"


def check_figures(outcome: Outcome, result: Any, *, compare: bool) -> None:
    other = "coverage" if outcome.round.target == "fit" else "fit"
    own, beside = result["figures"][outcome.round.target], result["figures"][other]
    for name, expected in _figures(outcome):
        demand(own is not None and own[name] == expected, f"result/figures/{outcome.round.target}/{name}: wrong")
    demand(
        (beside is not None) == compare, f"result/figures/{other}: must be there exactly where input/compare says so"
    )
    if beside is not None:
        fewer, more = (own, beside) if other == "coverage" else (beside, own)
        demand(beside["mentees"] == own["mentees"], f"result/figures/{other}/mentees: wrong")
        least = (fewer["matched"], fewer["score"]) <= (more["matched"], more["score"])
        demand(least, "result/figures: fit cannot cover more than coverage")


def _figures(outcome: Outcome) -> Iterator[tuple[str, Any]]:
    round = outcome.round
    granted = [wish for wish in outcome.granted.values() if wish is not None]
    places = [_place(round, wish) or 0 for wish in granted]
    load = sorted(len(held) for mentor, held in outcome.held.items() if round.capacity[mentor] > 0)
    weighted_load = sum((2 * nth - len(load) - 1) * mentees for nth, mentees in enumerate(load, 1))
    flow = Counter((round.home[wish.mentee], round.mentor_home[wish.mentor]) for wish in granted)
    yield "mentees", len(outcome.granted)
    yield "matched", len(granted)
    yield "first_choices", places.count(1)
    yield "mean_place_thousandths", _thousandths(sum(places), len(places))
    yield "load_gini_thousandths", _thousandths(weighted_load, len(load) * sum(load))
    yield "score", sum(wish.score for wish in granted)
    keys = ("mentee_institution", "mentor_institution", "pairs")
    yield "flow", [dict(zip(keys, (*pair, count), strict=True)) for pair, count in sorted(flow.items())]


def _thousandths(numerator: int, denominator: int) -> int:
    return (2000 * numerator + denominator) // (2 * denominator) if denominator else 0


def verify(input_bytes: bytes, result_bytes: bytes) -> str:
    """One line about what was proven. Raises Wrong with the first error."""
    given, result = read_files(input_bytes, result_bytes)
    for name, expected in (("round", given["round"]), ("target", given["target"]), ("policy", given["policy"]["id"])):
        demand(result[name] == expected, f"result/{name}: is not the input's")
    round = parse_round(given)
    outcome = outcome_of(round, result)
    if round.target == "fit":
        duals = [row["gain"] for row in result["mentees"]] + [row["price"] for row in result["mentors"]]
        demand(result["bonus"] is None and set(duals) <= {None}, "result: fit has no dual values")
        check_stable(outcome)
        check_best_for_mentees(outcome)
    else:
        check_optimal(outcome, result)
    check_certificate(outcome, result)
    check_unmatched(outcome, result)
    check_figures(outcome, result, compare=given["compare"])
    proven = "stable, and the best for mentees" if round.target == "fit" else "most people, then the greatest score"
    matched = len(round.wishes) - len(result["unmatched"])
    return f"{matched} of {len(round.wishes)} matched: {proven}; capacities, pins, exclusions and hashes hold"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2 or "--help" in arguments:  # noqa: PLR2004 -- two files
        sys.stderr.write("usage: verify INPUT RESULT\n")
        return 2
    try:
        contents = [Path(name).read_bytes() for name in arguments]
        proven = verify(*contents)
    except OSError as unreadable:
        sys.stderr.write(f"cannot be read: {unreadable.filename}: {unreadable.strerror}\n")
        return 2
    except Wrong as wrong:
        sys.stderr.write(f"wrong: {wrong}\n")
        return 1
    sys.stdout.write(f"holds: {proven}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
