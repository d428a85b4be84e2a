"""Checks a round's result against its input, from the two files alone: `./dev verify input.json result.json`.

Uses the standard library only and shares no code with the solver, so that it can be reviewed on its own (docs/rounds.md
says what each check proves). Exits with 0, with 1 and the first error, or with 2 if a file cannot be read.
"""

import hashlib
import json
import sys
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

INPUT, RESULT = "preceptor-round-input/1", "preceptor-round-result/1"
OLD_SOLVER = "preceptor-rounds-1"
"""Its results lack what proves the figures of the other target."""
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
    "pairs": OptionalKey(int),
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
    "mentors": [{"id": str, "institution": str, "capacity": int, "least_group": OptionalKey(int, 0)}],
    "mentees": [
        {
            "id": str,
            "institution": str,
            "mentors_wanted": OptionalKey(int, 1),
            "has_mentor": OptionalKey(bool, default=False),
            "waiting_days": OptionalKey(int, 0),
            "wishes": OptionalKey([WISH], []),
        }
    ],
    "pins": OptionalKey([PAIR], []),
    "exclusions": OptionalKey([PAIR], []),
    "exchanges": OptionalKey([{"mentee_institution": str, "mentor_institution": str, "at_most": int}], []),
}
TURN = {
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
}
CLOSED = [{"mentor": str, "least_group": int, "held": int, "closed_in_pass": int, "would_come": int}]
OTHER = {
    "bonus": (int, None),
    "closed": OptionalKey(CLOSED, []),
    "turns": [
        {
            "pairs": [{"mentee": str, "mentor": str, "gain": (int, None)}],
            "prices": [{"mentor": str, "price": int}],
        }
    ],
}
RESULT_SHAPE = {
    "format": str,
    "round": str,
    "target": str,
    "solver": str,
    "policy": str,
    "input": {"sha256": str, "file_sha256": str},
    "bonus": (int, None),
    **TURN,
    "unmatched": [
        {
            "mentee": str,
            "position": int,
            "waiting_days": int,
            "reason": str,
            "opens": [{"mentor": str, "seats": int}],
        }
    ],
    "further": OptionalKey([TURN], []),
    "closed": OptionalKey(CLOSED, []),
    "other": OptionalKey(OTHER),
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
    place: int
    """1 for a first choice; ties share a number."""
    mentor_position: int = 0
    """Position in the mentor's strict order, from 0."""


@dataclass(slots=True)
class Round:
    """The input, or what a further turn has of it, with wishes in order: by mentee, the best first, and by mentor, by
    mentor_position.
    """

    name: str
    target: str
    bonus: int
    capacity: dict[str, int]
    least_group: dict[str, int]
    wanted: dict[str, int]
    """By mentee who takes part: the mentors wanted in this turn and later ones."""
    waiting: dict[str, int]
    home: dict[str, str]
    mentor_home: dict[str, str]
    pins: dict[str, str]
    ceilings: dict[tuple[str, str], int]
    """By mentee's and mentor's institution: the most pairs between them."""
    wishes: dict[str, list[Wish]] = field(default_factory=dict)
    wishes_for: dict[str, list[Wish]] = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)
    """By mentor: the seats that pins and earlier turns leave."""
    used: Counter[str] = field(default_factory=Counter)
    """By mentor: the seats that earlier turns took."""
    closed: frozenset[str] = frozenset()
    """Mentors who take nobody, because their minimum group size was not reached."""
    later: frozenset[str] = frozenset()
    """Mentees who have a mentor already: they take part from the next turn on."""

    def is_open(self, wish: Wish) -> bool:
        is_free = wish.mentee not in self.pins and wish.mentee not in self.later
        return not wish.excluded and is_free and wish.mentor not in self.closed

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
        bonus=1 + len(mentees) * max((wish["score"] for who in mentees.values() for wish in who["wishes"]), default=0),
        least_group={id: mentor["least_group"] for id, mentor in mentors.items()},
        wanted={id: mentee["mentors_wanted"] for id, mentee in mentees.items()},
        capacity={id: mentor["capacity"] for id, mentor in mentors.items()},
        waiting={id: mentee["waiting_days"] for id, mentee in mentees.items()},
        home={id: mentee["institution"] for id, mentee in mentees.items()},
        mentor_home={id: mentor["institution"] for id, mentor in mentors.items()},
        pins={pin["mentee"]: pin["mentor"] for pin in given["pins"]},
        ceilings={
            (ceiling["mentee_institution"], ceiling["mentor_institution"]): ceiling["at_most"]
            for ceiling in given["exchanges"]
        },
        later=frozenset(id for id, mentee in mentees.items() if mentee["has_mentor"]),
    )
    demand(mentors.keys().isdisjoint(mentees), "input: an id is that of a mentor and of a mentee")
    demand(len(round.ceilings) == len(given["exchanges"]), "input/exchanges: two institutions appear twice")
    demand(len(round.pins) == len(given["pins"]), "input/pins: a mentee is pinned twice")
    demand(min(round.wanted.values(), default=1) > 0, "input/mentees: mentors_wanted must be 1 or more")
    demand(round.later.isdisjoint(round.pins), "input/pins: a mentee who has a mentor is pinned")
    for mentor, seats in round.capacity.items():
        possible = seats == 0 or round.least_group[mentor] <= seats
        demand(possible, f"input/mentors: {mentor} has a least_group greater than the capacity")
    _add_wishes(round, mentees, excluded, most=given["policy"]["list_length"])
    _below_ceilings(
        round, {id: [wish.mentor for wish in wishes] for id, wishes in round.wishes.items()}, "input: wishes"
    )
    held = Counter(round.pins.values())
    round.seats = {mentor: seats - held[mentor] for mentor, seats in round.capacity.items()}
    for mentee, mentor in round.pins.items():
        wished = [wish for wish in round.wishes.get(mentee, []) if wish.mentor == mentor]
        demand(wished and not wished[0].excluded, f"input/pins: {mentee} and {mentor} may not be matched")
        demand(round.seats[mentor] >= 0, f"input/pins: {mentor} has more pins than capacity")
    return round


def _below_ceilings(round: Round, mentors: Mapping[str, Sequence[str]], what: str) -> None:
    """Raises Wrong if the pairs across two institutions can be more than their ceiling allows.

    `mentors` of each mentee; a mentee counts as often as they want mentors.
    """
    across: Counter[tuple[str, str]] = Counter()
    for mentee, theirs in mentors.items():
        for home, number in Counter(round.mentor_home[mentor] for mentor in theirs).items():
            across[round.home[mentee], home] += min(number, round.wanted[mentee])
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
                1 + bisect_left(ordered, wish["rank"], key=lambda other: other["rank"]),
            )
            for wish in ordered
        ]
        for wish in round.wishes[mentee]:
            round.wishes_for[wish.mentor].append(wish)
    for wishes in round.wishes_for.values():
        wishes.sort(key=lambda wish: wish.key)
        _number(wishes)


def _number(wishes: Sequence[Wish]) -> None:
    for mentor_position, wish in enumerate(wishes):
        wish.mentor_position = mentor_position


def next_turn(round: Round, outcome: "Outcome") -> Round:
    """What the turn leaves: the mentees who want one more mentor and got one, those who were to take part later, the
    other wishes, the seats.
    """
    stay = {mentee for mentee, granted in outcome.granted.items() if granted and round.wanted[mentee] > 1}
    left = {
        (mentee, wish.mentor): replace(wish)
        for mentee in stay | round.later
        for wish in round.wishes[mentee]
        if wish is not outcome.granted.get(mentee)
    }
    wishes = {
        mentee: [left[mentee, wish.mentor] for wish in theirs if (mentee, wish.mentor) in left]
        for mentee, theirs in round.wishes.items()
        if mentee in stay | round.later
    }
    wishes_for = {
        mentor: [left[wish.mentee, mentor] for wish in theirs if (wish.mentee, mentor) in left]
        for mentor, theirs in round.wishes_for.items()
    }
    for theirs in wishes_for.values():
        _number(theirs)
    used = round.used + Counter({mentor: len(held) for mentor, held in outcome.held.items()})
    return replace(
        round,
        wanted={mentee: round.wanted[mentee] - (mentee in stay) for mentee in wishes},
        pins={},
        later=frozenset(),
        wishes=wishes,
        wishes_for=wishes_for,
        used=used,
        seats={mentor: seats - used[mentor] for mentor, seats in round.capacity.items()},
    )


@dataclass(slots=True)
class ClaimedTurn:
    """What the result says of a turn; duals of coverage, 0 where they are left out."""

    mentors: dict[str, str | None]
    """By mentee who takes part."""
    gain: dict[str, Any]
    price: dict[str, Any]


@dataclass(slots=True)
class Claim:
    """What the result says of one target."""

    target: str
    at: str
    bonus: int | None
    closed: list[Any]
    turns: list[ClaimedTurn]


def claims(result: Any, round: Round) -> list[Claim]:
    """Of the chosen target, and of the other one where the result has it."""
    chosen = [
        ClaimedTurn(
            {row["id"]: row["mentor"] for row in turn["mentees"]},
            {row["id"]: row["gain"] for row in turn["mentees"]},
            {row["id"]: row["price"] for row in turn["mentors"]},
        )
        for turn in (result, *result["further"])
    ]
    found = [Claim(round.target, "result", result["bonus"], result["closed"], chosen)]
    if beside := result["other"]:
        turns = [_other_turn(turn) for turn in beside["turns"]]
        found.append(Claim(_other(round.target), "result/other", beside["bonus"], beside["closed"], turns))
    return found


def _other_turn(turn: Any) -> ClaimedTurn:
    pairs = [(pair["mentee"], pair["mentor"]) for pair in turn["pairs"]]
    demand(pairs == sorted(dict(pairs).items()), "result/other/turns: pairs must be sorted, with each mentee once")
    prices = {row["mentor"]: row["price"] for row in turn["prices"]}
    demand(len(prices) == len(turn["prices"]), "result/other/turns: a mentor has two prices")
    return ClaimedTurn(dict(pairs), {pair["mentee"]: pair["gain"] for pair in turn["pairs"]}, prices)


def _other(target: str) -> str:
    return "coverage" if target == "fit" else "fit"


def check_target(round: Round, claim: Claim) -> "list[Outcome]":
    """The turns' outcomes, which keep everything that the target promises. Raises Wrong otherwise."""
    first = replace(round, closed=frozenset(row["mentor"] for row in claim.closed))
    outcomes: list[Outcome] = []
    turn = first
    for number, claimed in enumerate(claim.turns):
        demand(turn.wishes or not number, f"{claim.at}: has a turn in which nobody takes part")
        outcome = outcome_of(turn, claimed.mentors, f"{claim.at}/further/{number - 1}" if number else claim.at)
        if claim.target == "fit":
            duals = {claim.bonus, *claimed.gain.values(), *claimed.price.values()}
            demand(duals <= {None}, f"{claim.at}: fit has no dual values")
            check_stable(outcome)
            check_best_for_mentees(outcome)
        else:
            demand(
                claim.bonus == round.bonus, f"{claim.at}/bonus: should be {round.bonus}: more than all scores together"
            )
            check_optimal(outcome, claimed, claim.at)
        outcomes.append(outcome)
        turn = next_turn(turn, outcome)
    demand(outcomes and not turn.wishes, f"{claim.at}: a turn is missing, in which mentees get one more mentor")
    check_least_groups(first, claim, outcomes)
    mentors: dict[str, list[str]] = {mentee: [] for mentee in round.wishes}
    for wish in _granted(outcomes):
        mentors[wish.mentee].append(wish.mentor)
    _below_ceilings(round, mentors, f"{claim.at}: pairs")
    return outcomes


def _granted(outcomes: "Sequence[Outcome]") -> list[Wish]:
    return [wish for outcome in outcomes for wish in outcome.granted.values() if wish]


def check_least_groups(round: Round, claim: Claim, outcomes: "Sequence[Outcome]") -> None:
    """Each mentor has none, or the minimum group size, or a pinned mentee; mentors were closed by the documented rule.

    For coverage the order is checked, and the numbers held in each pass are believed: several assignments may be best.
    """
    held = Counter(wish.mentor for wish in _granted(outcomes))
    pinned = set(round.pins.values())
    for mentor, number in held.items():
        demand(mentor not in round.closed, f"{claim.at}/closed: {mentor} holds somebody")
        reached = mentor in pinned or number >= round.least_group[mentor]
        demand(reached, f"{claim.at}: {mentor} holds {number}, fewer than the minimum group size")
    would_come = _would_come(outcomes)
    for index, row in enumerate(claim.closed):
        at, mentor = f"{claim.at}/closed/{index}", row["mentor"]
        demand(mentor in round.capacity and mentor not in pinned, f"{at}/mentor: may not be closed")
        demand(row["least_group"] == round.least_group[mentor], f"{at}/least_group: is not the input's")
        demand(0 < row["held"] < row["least_group"], f"{at}/held: is no reason to close")
        demand(row["would_come"] == would_come[mentor], f"{at}/would_come: should be {would_come[mentor]}")
    demand(len(round.closed) == len(claim.closed), f"{claim.at}/closed: a mentor appears twice")
    order = [_closing_key(round, row["mentor"], row["held"]) for row in claim.closed]
    passes = [row["closed_in_pass"] for row in claim.closed]
    demand(
        sorted(zip(passes, order, strict=True)) == list(zip(passes, order, strict=True)), f"{claim.at}/closed: order"
    )
    demand(sorted(set(passes)) == list(range(1, len(set(passes)) + 1)), f"{claim.at}/closed: a pass is left out")
    if claim.target == "fit" and any(round.least_group.values()):
        expected = list(_closings_of_fit(replace(round, closed=frozenset())))
        stated = [(row["mentor"], row["held"], row["closed_in_pass"]) for row in claim.closed]
        demand(stated == expected, f"{claim.at}/closed: should be {expected[:5]}, in this order")


def _would_come(outcomes: "Sequence[Outcome]") -> Counter[str]:
    """By mentor: the mentees who would rather have the mentor than what they have, or have fewer than they want."""
    pairs = {
        (mentee, wish.mentor)
        for outcome in outcomes
        for mentee in outcome.granted
        if mentee not in outcome.round.pins
        for wish in outcome.better(mentee)
        if not wish.excluded
    }
    return Counter(mentor for _, mentor in pairs)


def _closing_key(round: Round, mentor: str, held: int) -> tuple[int, int, int, str]:
    return held - round.least_group[mentor], held, seed(round.name, mentor), mentor


def _closings_of_fit(round: Round) -> Iterator[tuple[str, int, int]]:
    """Mentor, mentees held, and pass, of each mentor whom the passes close: by solving them again."""
    pinned = set(round.pins.values())
    for number in range(1, len(round.capacity) + 2):
        held: Counter[str] = Counter()
        turn = round
        while turn.wishes:
            outcome = outcome_of(turn, deferred_acceptance(turn), "pass")
            held.update(wish.mentor for wish in _granted([outcome]))
            turn = next_turn(turn, outcome)
        short = sorted(
            _closing_key(round, mentor, has)
            for mentor, has in held.items()
            if has < round.least_group[mentor] and mentor not in pinned
        )
        closing = [mentor for *_, mentor in short[: -(-len(short) // 8)]]
        yield from ((mentor, held[mentor], number) for mentor in closing)
        if not closing:
            return
        round = replace(round, closed=round.closed | set(closing))


def deferred_acceptance(round: Round) -> dict[str, str | None]:
    """The mentee-optimal stable matching of a turn, as Gale & Shapley (1962) describe it."""
    held: dict[str, list[Wish]] = {mentor: [] for mentor in round.capacity}
    proposals = {
        mentee: iter([wish for wish in theirs if round.is_live(wish)]) for mentee, theirs in round.wishes.items()
    }
    waiting = list(proposals)
    while waiting:
        wish = next(proposals[waiting[-1]], None)
        if wish is None:
            waiting.pop()
            continue
        insort(held[wish.mentor], wish, key=lambda wish: wish.mentor_position)
        waiting.pop()
        if len(held[wish.mentor]) > round.seats[wish.mentor]:
            waiting.append(held[wish.mentor].pop().mentee)
    got: dict[str, str | None] = {wish.mentee: wish.mentor for wishes in held.values() for wish in wishes}
    return {mentee: round.pins.get(mentee, got.get(mentee)) for mentee in round.wishes if mentee not in round.later}


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


def outcome_of(round: Round, mentors: Mapping[str, str | None], at: str) -> Outcome:
    """The pairs of a turn. Raises Wrong if a pair is not allowed, or a mentor has more mentees than seats."""
    taking_part = {mentee: wishes for mentee, wishes in round.wishes.items() if mentee not in round.later}
    demand(taking_part.keys() >= mentors.keys(), f"{at}: names a mentee who does not take part")
    granted: dict[str, Wish | None] = {}
    held: dict[str, list[Wish]] = {mentor: [] for mentor in round.capacity}
    for index, (mentee, wishes) in enumerate(taking_part.items()):
        mentor, where = mentors.get(mentee), f"{at}/mentees/{index}/mentor"
        wish = granted[mentee] = next((wish for wish in wishes if wish.mentor == mentor), None)
        demand(mentor is None or wish, f"{where}: is not among the wishes of {mentee}")
        demand(wish is None or not wish.excluded, f"{where}: the pair is excluded")
        demand(round.pins.get(mentee, mentor) == mentor, f"{where}: is pinned to another mentor")
        if wish is not None:
            held[wish.mentor].append(wish)
    for mentor, theirs in held.items():
        theirs.sort(key=lambda wish: wish.mentor_position)
        enough = len(theirs) <= round.capacity[mentor] - round.used[mentor]
        demand(enough, f"{at}: {mentor} holds more people than the capacity allows")
    return Outcome(round, granted, held)


def check_rows(outcome: Outcome, turn: Any, at: str) -> None:
    """The rows of a turn follow from its outcome."""
    rows = turn["mentees"]
    demand([row["id"] for row in rows] == list(outcome.granted), f"{at}/mentees: must be the turn's, sorted by id")
    for index, row in enumerate(rows):
        wish = outcome.granted[row["id"]]
        place = wish.place if wish else None
        pinned = row["id"] in outcome.round.pins
        demand(row["pinned"] == pinned, f"{at}/mentees/{index}/pinned: contradicts the input's pins")
        demand(row["place"] == place, f"{at}/mentees/{index}/place: should be {place}")
    expected = [(mentor, [wish.mentee for wish in wishes]) for mentor, wishes in outcome.held.items()]
    listed = [(row["id"], row["mentees"]) for row in turn["mentors"]]
    demand(listed == expected, f"{at}/mentors: do not hold those who are matched to them, sorted")


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


def check_optimal(outcome: Outcome, claimed: ClaimedTurn, at: str) -> None:
    """Weak duality: price + gain is at least the value of each wish, and their sum is the value of the matching."""
    round = outcome.round
    demand(claimed.price.keys() <= round.capacity.keys(), f"{at}: has a price of an unknown mentor")
    price, gain = (
        {**dict.fromkeys(names, 0), **known}
        for names, known in ((round.capacity, claimed.price), (round.wishes, claimed.gain))
    )
    demand(None not in price.values(), f"{at}/mentors: a price is missing")
    demand(None not in gain.values(), f"{at}/mentees: a gain is missing")
    for wish in (wish for wishes in round.wishes.values() for wish in wishes):
        if round.is_live(wish):
            covered = gain[wish.mentee] + price[wish.mentor] >= round.bonus + wish.score
            demand(covered, f"not the best: price and gain do not cover the wish of {wish.mentee} for {wish.mentor}")
    for mentee, granted in outcome.granted.items():
        counts = granted is not None and mentee not in round.pins
        value = round.bonus + granted.score - price[granted.mentor] if granted is not None and counts else 0
        demand(gain[mentee] == value, f"{at}/mentees: the gain of {mentee} should be {value}")
    for mentor, seats in round.seats.items():
        is_full = seats > 0 and len(outcome.unpinned(mentor)) == seats
        demand(is_full or price[mentor] == 0, f"not the best: {mentor} has a price and no seat that anybody pays for")


def check_certificate(outcome: Outcome, turn: Any, at: str) -> None:
    last = _last_held(outcome)
    price = {row["id"]: row["price"] for row in turn["mentors"]}
    for index, row in enumerate(turn["mentees"]):
        expected = []
        for wish in outcome.better(row["id"]):
            why = _why(outcome.round, wish)
            margin = None
            if why == "outranked":
                margin = wish.mentor_position - last[wish.mentor]
            elif why == "outweighed":
                margin = row["gain"] + price[wish.mentor] - outcome.round.bonus - wish.score
            expected.append({"mentor": wish.mentor, "why": why, "margin": margin})
        demand(row["better"] == expected, f"{at}/mentees/{index}/better: does not follow from the two files")


def _why(round: Round, wish: Wish) -> str:
    capacity = round.capacity[wish.mentor]
    obstacles = {
        "excluded": wish.excluded,
        "pinned": wish.mentee in round.pins,
        "too_few": wish.mentor in round.closed,
        "closed": capacity == 0,
        "taken": capacity == round.used[wish.mentor],
        "seats_pinned": round.seats[wish.mentor] == 0,
    }
    lost = "outranked" if round.target == "fit" else "outweighed"
    return next((why for why, holds in obstacles.items() if holds), lost)


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
    if all(round.capacity[wish.mentor] == 0 for wish in possible if wish.mentor not in round.closed):
        return "too_few"
    return "outranked" if round.target == "fit" else "outweighed"


def check_figures(outcomes: Sequence[Outcome], figures: Any, at: str) -> None:
    demand(figures is not None, f"{at}: are missing")
    for name, expected in _figures(outcomes):
        demand(figures[name] == expected, f"{at}/{name}: wrong, should be {expected}")


def _figures(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Any]]:
    first = outcomes[0]
    round = first.round
    granted = _granted(outcomes)
    places = [wish.place for wish in granted]
    held = Counter(wish.mentor for wish in granted)
    load = sorted(held[mentor] for mentor, seats in round.capacity.items() if seats > 0)
    weighted_load = sum((2 * nth - len(load) - 1) * mentees for nth, mentees in enumerate(load, 1))
    flow = Counter((round.home[wish.mentee], round.mentor_home[wish.mentor]) for wish in granted)
    yield "mentees", len(first.granted)
    yield "matched", len(_granted([first]))
    has_turns = round.later or any(wanted > 1 for wanted in round.wanted.values())
    yield "pairs", len(granted) if has_turns else None
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
    chosen, *others = claims(result, round)
    outcomes = check_target(round, chosen)
    for number, (outcome, turn) in enumerate(zip(outcomes, (result, *result["further"]), strict=True)):
        at = f"result/further/{number - 1}" if number else "result"
        check_rows(outcome, turn, at)
        check_certificate(outcome, turn, at)
    check_unmatched(outcomes[0], result)
    check_figures(outcomes, result["figures"][round.target], f"result/figures/{round.target}")
    unproven = _check_other(round, others, result, compare=given["compare"])
    proven = "stable, and the best for mentees" if round.target == "fit" else "most people, then the greatest score"
    mentees = len(outcomes[0].granted)
    matched = mentees - len(result["unmatched"])
    return f"{matched} of {mentees} matched: {proven}; capacities, pins, exclusions and hashes hold{unproven}"


def _check_other(round: Round, others: Sequence[Claim], result: Any, *, compare: bool) -> str:
    """Proves the figures of the other target. Returns what is not proven, for the line about the result."""
    other = _other(round.target)
    figures = result["figures"][other]
    shown = f"result/figures/{other}: must be there exactly where input/compare says so"
    demand((figures is not None) == compare, shown)
    if others:
        demand(compare, "result/other: must be there exactly where input/compare says so")
        check_figures(check_target(round, others[0]), figures, f"result/figures/{other}")
        return ""
    if not compare:
        return ""
    demand(result["solver"] == OLD_SOLVER, "result/other: is missing, which proves the figures of the other target")
    fit, coverage = result["figures"]["fit"], result["figures"]["coverage"]
    demand(fit["mentees"] == coverage["mentees"], f"result/figures/{other}/mentees: wrong")
    least = (fit["matched"], fit["score"]) <= (coverage["matched"], coverage["score"])
    demand(least, "result/figures: fit cannot cover more than coverage")
    return f"; the figures of {other} are not proven, because {OLD_SOLVER} wrote the result"


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
