"""Checks a round's result against its input, from the two files alone: `./dev verify input.json result.json`.

Standard library only, and nothing of the solver: whoever doubts the solver reads this file (docs/rounds.md says what
each check proves). Exit 0; 1 with the first thing that is wrong; 2 where there is nothing to check: a file is missing.
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


class Wrong(Exception): ...


def demand(holds: object, said: str) -> None:
    if not holds:
        raise Wrong(said)


@dataclass(frozen=True, slots=True)
class Maybe:
    """A key that may be missing, with what it then is."""

    shape: Any
    absent: Any = None


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
    "compare": Maybe(bool, absent=True),
    "policy": {"id": str, "list_length": Maybe(int, 20), "score_band": Maybe(int, 0), "weights": Maybe({str: int}, {})},
    "mentors": [{"id": str, "institution": str, "capacity": int}],
    "mentees": [{"id": str, "institution": str, "waiting_days": Maybe(int, 0), "wishes": Maybe([WISH], [])}],
    "pins": Maybe([PAIR], []),
    "exclusions": Maybe([PAIR], []),
    "exchanges": Maybe([{"mentee_institution": str, "mentor_institution": str, "at_most": int}], []),
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
        return json.loads(content.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as broken:
        raise Wrong(f"{name}: is no JSON: {broken}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return dict(pairs)


def shaped(value: Any, shape: Any, at: str) -> Any:
    """The value with absent keys filled in; Wrong where it is not of this shape."""
    if isinstance(shape, tuple):
        return None if value is None else shaped(value, shape[0], at)
    if isinstance(shape, list):
        demand(type(value) is list, f"{at}: must be a list")
        return [shaped(one, shape[0], f"{at}/{place}") for place, one in enumerate(value)]
    if isinstance(shape, dict):
        demand(type(value) is dict, f"{at}: must be an object")
        return _members(value, shape, at)
    demand(type(value) is shape, f"{at}: must be of type {shape.__name__}")
    demand(shape is not int or 0 <= value < 2**53, f"{at}: must be from 0 to 2^53 - 1")
    return value


def _members(value: dict[str, Any], shape: Mapping[Any, Any], at: str) -> dict[str, Any]:
    if str in shape:
        return {name: shaped(one, shape[str], f"{at}/{name}") for name, one in value.items()}
    demand(not value.keys() - shape.keys(), f"{at}: has unknown keys {sorted(value.keys() - shape.keys())}")
    filled = {}
    for name, part in shape.items():
        inner = part.shape if isinstance(part, Maybe) else part
        demand(name in value or isinstance(part, Maybe), f"{at}/{name}: is missing")
        filled[name] = shaped(value[name], inner, f"{at}/{name}") if name in value else part.absent
    return filled


def opened(input_bytes: bytes, result_bytes: bytes) -> tuple[Any, Any]:
    """Both files as values, once every hash fits every byte."""
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


def lot(one: int, other: int) -> int:
    """SplitMix64's finaliser over two seeds."""
    mixed = one ^ other
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
    """By which the mentor's order goes."""
    excluded: bool
    standing: int = 0
    """Place in the mentor's strict order, from 0."""


@dataclass(slots=True)
class Round:
    """The input, in order: each mentee's wishes, the best first; each mentor's, by standing."""

    name: str
    target: str
    capacity: dict[str, int]
    waiting: dict[str, int]
    home: dict[str, str]
    mentor_home: dict[str, str]
    pins: dict[str, str]
    ceilings: dict[tuple[str, str], int]
    """Of pairs of a mentee's and a mentor's institution."""
    wishes: dict[str, list[Wish]] = field(default_factory=dict)
    asked: dict[str, list[Wish]] = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)
    """What pins leave of the capacity."""

    def is_open(self, wish: Wish) -> bool:
        return not wish.excluded and wish.mentee not in self.pins

    def is_live(self, wish: Wish) -> bool:
        return self.is_open(wish) and self.seats[wish.mentor] > 0


def understood(given: Any) -> Round:
    """The input as a round; Wrong where it contradicts itself."""
    mentors = _by_id(given["mentors"], "input/mentors")
    mentees = _by_id(given["mentees"], "input/mentees")
    demand(given["target"] in ("fit", "coverage"), "input/target: must be fit or coverage")
    excluded = {(pair["mentee"], pair["mentor"]) for pair in given["exclusions"]}
    for mentee, mentor in sorted(excluded):
        demand(mentee in mentees and mentor in mentors, f"input/exclusions: {mentee} or {mentor} is unknown")
    round = Round(
        name=given["round"],
        target=given["target"],
        capacity={one: mentor["capacity"] for one, mentor in mentors.items()},
        waiting={one: mentee["waiting_days"] for one, mentee in mentees.items()},
        home={one: mentee["institution"] for one, mentee in mentees.items()},
        mentor_home={one: mentor["institution"] for one, mentor in mentors.items()},
        pins={pin["mentee"]: pin["mentor"] for pin in given["pins"]},
        ceilings={(one["mentee_institution"], one["mentor_institution"]): one["at_most"] for one in given["exchanges"]},
    )
    demand(len(round.ceilings) == len(given["exchanges"]), "input/exchanges: two institutions stand twice")
    demand(len(round.pins) == len(given["pins"]), "input/pins: a mentee is pinned twice")
    _order(round, mentees, excluded, most=given["policy"]["list_length"])
    _below_ceilings(round, [{wish.mentor for wish in wishes} for wishes in round.wishes.values()], "input: wishes")
    held = Counter(round.pins.values())
    round.seats = {one: seats - held[one] for one, seats in round.capacity.items()}
    for mentee, mentor in round.pins.items():
        wished = [wish for wish in round.wishes.get(mentee, []) if wish.mentor == mentor]
        demand(wished and not wished[0].excluded, f"input/pins: {mentee} and {mentor} may not be matched")
        demand(round.seats[mentor] >= 0, f"input/pins: {mentor} has more pins than capacity")
    return round


def _below_ceilings(round: Round, mentors: Sequence[set[str]], what: str) -> None:
    """Of each mentee, in the order of `wishes`: no more of them across than two institutions agreed on."""
    across: Counter[tuple[str, str]] = Counter()
    for mentee, theirs in zip(round.wishes, mentors, strict=True):
        across.update({(round.home[mentee], round.mentor_home[mentor]) for mentor in theirs})
    for between, most in round.ceilings.items():
        demand(across[between] <= most, f"{what} of {between[0]} across to {between[1]}: {across[between]}, not {most}")


def _by_id(people: Sequence[Any], at: str) -> dict[str, Any]:
    known = {person["id"]: person for person in people}
    demand(len(known) == len(people), f"{at}: an id appears twice")
    return dict(sorted(known.items()))


def _order(round: Round, mentees: Mapping[str, Any], excluded: set[tuple[str, str]], *, most: int) -> None:
    seeds = {mentor: seed(mentor) for mentor in round.capacity}
    round.asked = {mentor: [] for mentor in round.capacity}
    for mentee, person in mentees.items():
        own = seed(round.name, mentee)
        named = [wish["mentor"] for wish in person["wishes"]]
        demand(len(named) <= most, f"input/mentees: {mentee} has more wishes than policy/list_length")
        demand(len(set(named)) == len(named), f"input/mentees: {mentee} names a mentor twice")
        demand(round.capacity.keys() >= set(named), f"input/mentees: {mentee} names an unknown mentor")
        drawn = {mentor: lot(own, seeds[mentor]) for mentor in named}
        ordered = sorted(person["wishes"], key=lambda one: (one["rank"], drawn[one["mentor"]], one["mentor"]))
        round.wishes[mentee] = [
            Wish(
                mentee,
                one["mentor"],
                one["rank"],
                one["score"],
                (one["mentor_rank"], drawn[one["mentor"]], mentee),
                (mentee, one["mentor"]) in excluded,
            )
            for one in ordered
        ]
        for wish in round.wishes[mentee]:
            round.asked[wish.mentor].append(wish)
    for asked in round.asked.values():
        asked.sort(key=lambda wish: wish.key)
        for standing, wish in enumerate(asked):
            wish.standing = standing


@dataclass(slots=True)
class Outcome:
    round: Round
    granted: dict[str, Wish | None]
    """By mentee."""
    held: dict[str, list[Wish]]
    """By mentor, in the mentor's order; pinned people included."""

    def free(self, mentor: str) -> list[Wish]:
        """Who is held without being pinned."""
        return [wish for wish in self.held[mentor] if wish.mentee not in self.round.pins]

    def better(self, mentee: str) -> list[Wish]:
        """Every wish before the outcome; all of them where there is none."""
        wishes, granted = self.round.wishes[mentee], self.granted[mentee]
        return wishes if granted is None else wishes[: wishes.index(granted)]


def outcome_of(round: Round, result: Any) -> Outcome:
    """Wrong where it names anybody or any pair that may not be, or gives out more seats than there are."""
    told = result["mentees"]
    demand([one["id"] for one in told] == list(round.wishes), "result/mentees: must be the input's, sorted by id")
    granted = {}
    for place, one in enumerate(told):
        at = f"result/mentees/{place}"
        by_mentor = {wish.mentor: wish for wish in round.wishes[one["id"]]}
        wish = granted[one["id"]] = by_mentor.get(one["mentor"])
        demand(one["mentor"] is None or wish, f"{at}/mentor: is not among the mentee's wishes")
        demand(wish is None or not wish.excluded, f"{at}/mentor: the pair is excluded")
        demand(one["pinned"] == (one["id"] in round.pins), f"{at}/pinned: contradicts the input's pins")
        demand(round.pins.get(one["id"], one["mentor"]) == one["mentor"], f"{at}/mentor: is pinned to another mentor")
        demand(one["place"] == _place(round, wish), f"{at}/place: should be {_place(round, wish)}")
    _below_ceilings(round, [{wish.mentor} if wish else set() for wish in granted.values()], "result: pairs")
    held: dict[str, list[Wish]] = {mentor: [] for mentor in round.capacity}
    for wish in granted.values():
        if wish is not None:
            held[wish.mentor].append(wish)
    for mentor, wishes in held.items():
        wishes.sort(key=lambda wish: wish.standing)
        demand(len(wishes) <= round.capacity[mentor], f"result: {mentor} holds more people than the capacity allows")
    expected = [(mentor, [wish.mentee for wish in wishes]) for mentor, wishes in held.items()]
    said = [(one["id"], one["mentees"]) for one in result["mentors"]]
    demand(said == expected, "result/mentors: do not hold those who are matched to them, sorted")
    return Outcome(round, granted, held)


def _place(round: Round, granted: Wish | None) -> int | None:
    if granted is None:
        return None
    return 1 + sum(wish.rank < granted.rank for wish in round.wishes[granted.mentee])


def check_stable(outcome: Outcome) -> None:
    """No mentee and mentor would both rather have each other."""
    last = _last_held(outcome)
    full = {mentor for mentor in outcome.held if len(outcome.free(mentor)) >= outcome.round.seats[mentor]}
    for mentee in outcome.granted:
        for wish in outcome.better(mentee):
            if outcome.round.is_live(wish):
                demand(
                    wish.mentor in full, f"blocking pair: {mentee} would rather have {wish.mentor}, who has a seat left"
                )
                worse = wish.standing < last[wish.mentor]
                demand(not worse, f"blocking pair: {mentee} and {wish.mentor} would both rather have each other")


def _last_held(outcome: Outcome) -> dict[str, int]:
    return {mentor: max((wish.standing for wish in outcome.free(mentor)), default=-1) for mentor in outcome.held}


def check_best_for_mentees(outcome: Outcome) -> None:
    """No other stable matching is better for any mentee: no rotation leads back to one (Gusfield & Irving 1989).

    Each mentor who holds anybody points at whoever now holds the next mentee that would rather come; a better stable
    matching for mentees exists exactly where these pointers run in a circle.
    """
    last = _last_held(outcome)
    rather = {mentee: {wish.mentor for wish in outcome.better(mentee)} for mentee in outcome.granted}
    points: dict[str, str] = {}
    for mentor, standing in last.items():
        if standing < 0:
            continue
        for wish in outcome.round.asked[mentor][standing + 1 :]:
            if outcome.round.is_open(wish) and mentor in rather[wish.mentee]:
                granted = outcome.granted[wish.mentee]
                if granted is not None:
                    points[mentor] = granted.mentor
                break
    _no_circle(points)


def _no_circle(points: Mapping[str, str]) -> None:
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
    """Weak duality: prices and gains cover the worth of each wish, and together cost what the matching is worth."""
    round = outcome.round
    every = [wish for wishes in round.wishes.values() for wish in wishes]
    bonus = len(round.wishes) * max((wish.score for wish in every), default=0) + 1
    demand(result["bonus"] == bonus, f"result/bonus: should be {bonus}: more than all scores together")
    price = {one["id"]: one["price"] for one in result["mentors"]}
    gain = {one["id"]: one["gain"] for one in result["mentees"]}
    demand(None not in price.values(), "result/mentors: a price is missing")
    demand(None not in gain.values(), "result/mentees: a gain is missing")
    for wish in every:
        if round.is_live(wish):
            covered = gain[wish.mentee] + price[wish.mentor] >= bonus + wish.score
            demand(covered, f"not the best: price and gain do not cover the wish of {wish.mentee} for {wish.mentor}")
    for mentee, granted in outcome.granted.items():
        counts = granted is not None and mentee not in round.pins
        worth = bonus + granted.score - price[granted.mentor] if granted is not None and counts else 0
        demand(gain[mentee] == worth, f"result/mentees: the gain of {mentee} should be {worth}")
    for mentor, seats in round.seats.items():
        is_full = seats > 0 and len(outcome.free(mentor)) == seats
        demand(is_full or price[mentor] == 0, f"not the best: {mentor} has a price and no seat that anybody pays for")


def check_certificate(outcome: Outcome, result: Any) -> None:
    last = _last_held(outcome)
    price = {one["id"]: one["price"] for one in result["mentors"]}
    for place, one in enumerate(result["mentees"]):
        expected = []
        for wish in outcome.better(one["id"]):
            why = _why(outcome.round, wish)
            margin = None
            if why == "outranked":
                margin = wish.standing - last[wish.mentor]
            elif why == "outweighed":
                margin = one["gain"] + price[wish.mentor] - result["bonus"] - wish.score
            expected.append({"mentor": wish.mentor, "why": why, "margin": margin})
        demand(one["better"] == expected, f"result/mentees/{place}/better: is not what the two files say")


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
    demand([one["mentee"] for one in result["unmatched"]] == left, "result/unmatched: not those left over, in order")
    needed = _seats_needed(outcome)
    for place, one in enumerate(result["unmatched"]):
        opens = [wish for wish in round.wishes[one["mentee"]] if round.is_open(wish)]
        opens.sort(key=lambda wish: needed[wish.mentee, wish.mentor])
        expected = {
            "mentee": one["mentee"],
            "position": place + 1,
            "waiting_days": round.waiting[one["mentee"]],
            "reason": _reason(round, one["mentee"]),
            "opens": [{"mentor": wish.mentor, "seats": needed[wish.mentee, wish.mentor]} for wish in opens],
        }
        demand(one == expected, f"result/unmatched/{place}: is not what the two files say")


def _seats_needed(outcome: Outcome) -> dict[tuple[str, str], int]:
    """Fit: one more than those who stand higher and would rather come; coverage: one."""
    needed = {}
    rather = {mentee: {wish.mentor for wish in outcome.better(mentee)} for mentee in outcome.granted}
    for mentor, asked in outcome.round.asked.items():
        before = 0
        for wish in asked:
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
    weighed = sum((2 * nth - len(load) - 1) * each for nth, each in enumerate(load, 1))
    flow = Counter((round.home[wish.mentee], round.mentor_home[wish.mentor]) for wish in granted)
    yield "mentees", len(outcome.granted)
    yield "matched", len(granted)
    yield "first_choices", places.count(1)
    yield "mean_place_thousandths", _thousandths(sum(places), len(places))
    yield "load_gini_thousandths", _thousandths(weighed, len(load) * sum(load))
    yield "score", sum(wish.score for wish in granted)
    keys = ("mentee_institution", "mentor_institution", "pairs")
    yield "flow", [dict(zip(keys, (*pair, count), strict=True)) for pair, count in sorted(flow.items())]


def _thousandths(numerator: int, denominator: int) -> int:
    return (2000 * numerator + denominator) // (2 * denominator) if denominator else 0


def verify(input_bytes: bytes, result_bytes: bytes) -> str:
    """What was proven, in a line. Raises Wrong with the first thing that is wrong."""
    given, result = opened(input_bytes, result_bytes)
    for name, expected in (("round", given["round"]), ("target", given["target"]), ("policy", given["policy"]["id"])):
        demand(result[name] == expected, f"result/{name}: is not the input's")
    round = understood(given)
    outcome = outcome_of(round, result)
    if round.target == "fit":
        duals = [one["gain"] for one in result["mentees"]] + [one["price"] for one in result["mentors"]]
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
        said = verify(*contents)
    except OSError as unreadable:
        sys.stderr.write(f"cannot be read: {unreadable.filename}: {unreadable.strerror}\n")
        return 2
    except Wrong as wrong:
        sys.stderr.write(f"wrong: {wrong}\n")
        return 1
    sys.stdout.write(f"holds: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
