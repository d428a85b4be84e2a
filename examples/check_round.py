"""Checks a round's result, written from docs/rounds.md alone: python examples/check_round.py INPUT RESULT.

Fit is solved again and compared; coverage is proven by its prices and gains. Both targets' matches and scores are
recomputed. `./dev verify` checks more (the certificate, the waiting list, every figure).
"""

import json
import sys
from collections import Counter
from hashlib import blake2b, sha256
from pathlib import Path

MASK = 2**64 - 1


def require(holds, what):
    if not holds:
        raise ValueError(f"does not hold: {what}")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def seed(*parts):
    return int.from_bytes(blake2b("\n".join(parts).encode(), digest_size=8).digest(), "big")


def lot(round, mentee, mentor):
    x = seed(round, mentee) ^ seed(mentor)
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def deferred_acceptance(lists, mentor_key, seats):
    """`lists`: by mentee, the possible mentors, best first. Returns the mentor of each matched mentee."""
    held, proposals = {mentor: [] for mentor in seats}, {mentee: list(order) for mentee, order in lists.items()}
    free = list(lists)
    while free:
        mentee = free.pop()
        if not proposals[mentee]:
            continue
        mentor = proposals[mentee].pop(0)
        held[mentor] = sorted([*held[mentor], mentee], key=lambda one: mentor_key[one, mentor])
        free += held[mentor][seats[mentor] :]
        held[mentor] = held[mentor][: seats[mentor]]
    return {mentee: mentor for mentor, mentees in held.items() for mentee in mentees}


def check(round_bytes, result_bytes):
    """Raises ValueError at the first thing that does not hold."""
    given, result = json.loads(round_bytes), json.loads(result_bytes)
    rest = {name: value for name, value in result.items() if name != "sha256"}
    require(result["sha256"] == sha256(canonical(rest)).hexdigest(), "seal")
    require(result["input"]["sha256"] == sha256(canonical(given)).hexdigest(), "input")
    chosen = [
        {
            "pairs": {row["id"]: row["mentor"] for row in turn["mentees"] if row["mentor"]},
            "gain": {row["id"]: row["gain"] for row in turn["mentees"]},
            "price": {row["id"]: row["price"] for row in turn["mentors"]},
        }
        for turn in [result, *result.get("further", [])]
    ]
    check_target(given, given["target"], chosen, result.get("closed", []), result["figures"])
    if other := result.get("other"):
        turns = [
            {
                "pairs": {row["mentee"]: row["mentor"] for row in turn["pairs"]},
                "gain": {row["mentee"]: row["gain"] for row in turn["pairs"]},
                "price": {row["mentor"]: row["price"] for row in turn["prices"]},
            }
            for turn in other["turns"]
        ]
        target = "coverage" if given["target"] == "fit" else "fit"
        check_target(given, target, turns, other.get("closed", []), result["figures"])


def check_target(given, target, turns, closed, figures):
    wish = {(who["id"], wish["mentor"]): wish for who in given["mentees"] for wish in who.get("wishes", [])}
    drawn = {pair: lot(given["round"], *pair) for pair in wish}
    mentor_key = {pair: (wish[pair]["mentor_rank"], drawn[pair], pair[0]) for pair in wish}
    lists = {who["id"]: [wished["mentor"] for wished in who.get("wishes", [])] for who in given["mentees"]}
    for mentee, theirs in lists.items():
        theirs.sort(key=lambda mentor: (wish[mentee, mentor]["rank"], drawn[mentee, mentor], mentor))
    excluded = {(pair["mentee"], pair["mentor"]) for pair in given.get("exclusions", [])}
    pins = {pin["mentee"]: pin["mentor"] for pin in given.get("pins", [])}
    later = {who["id"] for who in given["mentees"] if who.get("has_mentor")}
    wanted = {who["id"]: who.get("mentors_wanted", 1) + (who["id"] in later) for who in given["mentees"]}
    shut, seats = {row["mentor"] for row in closed}, {who["id"]: who["capacity"] for who in given["mentors"]}
    bonus = len(lists) * max((wished["score"] for wished in wish.values()), default=0) + 1
    pinned, taking_part, every = set(pins.values()), lists.keys() - later, []
    for turn in turns:
        pairs = turn["pairs"]
        for mentor in pins.values():
            seats[mentor] -= 1
        gone = excluded | set(every)
        live = {
            mentee: [other for other in lists[mentee] if (mentee, other) not in gone and other not in shut]
            for mentee in taking_part - pins.keys()
        }
        if target == "fit":
            require(pairs == deferred_acceptance(live, mentor_key, seats) | pins, "not the best stable matching")
        else:
            require(pins.items() <= pairs.items(), "pins")
            free = {mentee: mentor for mentee, mentor in pairs.items() if mentee not in pins}
            check_prices(turn, free, live, seats, lambda pair: bonus + wish[pair]["score"])
        for mentee, mentor in pairs.items():
            seats[mentor] -= mentee not in pins
        every += pairs.items()
        taking_part, pins, later = {mentee for mentee in pairs if wanted[mentee] > 1} | later, {}, set()
        wanted = {mentee: number - 1 for mentee, number in wanted.items()}
    require(not taking_part, "a turn is missing")
    load = Counter(mentor for _, mentor in every)
    for who in given["mentors"]:
        enough = load[who["id"]] == 0 or load[who["id"]] >= who.get("least_group", 0)
        require(enough or who["id"] in pinned, "minimum group size")
    require(figures[target]["matched"] == len(turns[0]["pairs"]), "matched")
    require(figures[target]["score"] == sum(wish[pair]["score"] for pair in every), "score")


def check_prices(turn, pairs, live, seats, value_of):
    """Gain + price is at least the value of each possible pair, and the value of those who are matched."""
    gain, price = (Counter({who: value or 0 for who, value in turn[name].items()}) for name in ("gain", "price"))
    require(pairs.keys() <= live.keys(), "somebody takes part who must not")
    for mentee, others in live.items():
        got = pairs.get(mentee)
        require(got is None or got in others, "a pair that may not be matched")
        require(gain[mentee] == (value_of((mentee, got)) - price[got] if got else 0) >= 0, "gain")
        for other in (other for other in others if seats[other]):
            require(gain[mentee] + price[other] >= value_of((mentee, other)), "not the best")
    loads = Counter(pairs.values())
    for mentor, left in seats.items():
        require(loads[mentor] <= left, "capacity")
        require(loads[mentor] == left or price[mentor] == 0, "a price of a free seat")


if __name__ == "__main__":
    check(*(Path(name).read_bytes() for name in sys.argv[1:3]))
    print("holds")
