"""Small rounds to match in: builders, strategies, and the slow and obvious ways to judge a matching."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from services.matching.rounds.solver import canonical
from services.matching.rounds.solver.files import RoundInput

Document = dict[str, Any]


def wish(mentor: str, rank: int = 1, *, mentor_rank: int = 1, score: int = 0) -> Document:
    return {"mentor": mentor, "rank": rank, "mentor_rank": mentor_rank, "score": score}


def mentee(id: str, *wishes: Document, **fields: Any) -> Document:
    return {"id": id, "institution": "north", "waiting_days": 0, "wishes": list(wishes), **fields}


def mentor(id: str, capacity: int = 1, **fields: Any) -> Document:
    return {"id": id, "institution": "north", "capacity": capacity, **fields}


def pair(mentee: str, mentor: str) -> Document:
    return {"mentee": mentee, "mentor": mentor}


def document(mentors: Sequence[Document], mentees: Sequence[Document], **fields: Any) -> Document:
    return {
        "format": "preceptor-round-input/1",
        "round": "spring",
        "target": "fit",
        "policy": {"id": "default"},
        "mentors": list(mentors),
        "mentees": list(mentees),
        **fields,
    }


def content(document: Document) -> bytes:
    return canonical.text(document) + b"\n"


def pretty(document: Document) -> bytes:
    return json.dumps(document, indent=2).encode()


def resealed(result: Document) -> bytes:
    """As somebody would who changes a result and knows how it is sealed."""
    rest = {name: value for name, value in result.items() if name != "sha256"}
    return content({**rest, "sha256": canonical.sha256(canonical.text(rest))})


@st.composite
def documents(draw: st.DrawFn, *, target: str | None = None, most: int = 6) -> Document:
    """Ties, empty lists, no capacity, wishes of one side only (absent), pins and exclusions that can be kept."""
    names = [f"h{number}" for number in range(draw(st.integers(0, most - 1)))]
    ranks = st.integers(1, draw(st.sampled_from([2, 20])))
    mentors = [
        mentor(name, draw(st.integers(0, 3)), institution=draw(st.sampled_from(["north", "south"]))) for name in names
    ]
    mentees = []
    for number in range(draw(st.integers(0, most))):
        listed = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
        wishes = [
            wish(
                mentee, draw(ranks), mentor_rank=draw(ranks), score=draw(st.integers(0, 9)) * draw(st.integers(1, 1000))
            )
            for mentee in listed
        ]
        days = draw(st.sampled_from([0, 0, 7, 30]))
        home = draw(st.sampled_from(["north", "south"]))
        mentees.append(mentee(f"m{number}", *wishes, waiting_days=days, institution=home))
    pins, exclusions = draw(_orders(mentors, mentees))
    target = target or draw(st.sampled_from(["fit", "coverage"]))
    exchanges = draw(_exchanges(mentors, mentees))
    orders = {"pins": pins, "exclusions": exclusions, **({"exchanges": exchanges} if exchanges else {})}
    return document(mentors, mentees, target=target, compare=draw(st.booleans()), **orders)


@st.composite
def _exchanges(draw: st.DrawFn, mentors: Sequence[Document], mentees: Sequence[Document]) -> list[Document]:
    """Ceilings that the wishes keep, sometimes just."""
    home = {mentor["id"]: mentor["institution"] for mentor in mentors}
    between = draw(st.sets(st.sampled_from([("north", "south"), ("south", "north")])))
    return [
        {
            "mentee_institution": mentor,
            "mentor_institution": other,
            "at_most": draw(st.integers(0, 2))
            + sum(
                who["institution"] == mentor and any(home[each["mentor"]] == other for each in who["wishes"])
                for who in mentees
            ),
        }
        for mentor, other in sorted(between)
    ]


@st.composite
def _orders(
    draw: st.DrawFn, mentors: Sequence[Document], mentees: Sequence[Document]
) -> tuple[list[Document], list[Document]]:
    left = {mentor["id"]: mentor["capacity"] for mentor in mentors}
    pins, exclusions = [], []
    for mentee in mentees:
        for place, wished in enumerate(mentee["wishes"]):
            order = draw(st.sampled_from(["", "", "", "", "pin", "exclude"]))
            if order == "exclude":
                exclusions.append(pair(mentee["id"], wished["mentor"]))
            elif order == "pin" and place == 0 and left[wished["mentor"]] > 0:
                left[wished["mentor"]] -= 1
                pins.append(pair(mentee["id"], wished["mentor"]))
    return pins, exclusions


Matching = Mapping[str, str | None]


def matchings(document: Document) -> Iterator[dict[str, str | None]]:
    """Every matching that keeps capacities, pins and exclusions."""
    excluded = {(exclusion["mentee"], exclusion["mentor"]) for exclusion in document.get("exclusions", [])}
    pinned = {pin["mentee"]: pin["mentor"] for pin in document.get("pins", [])}
    left = {mentor["id"]: mentor["capacity"] for mentor in document["mentors"]}

    def extend(place: int, so_far: dict[str, str | None]) -> Iterator[dict[str, str | None]]:
        if place == len(document["mentees"]):
            yield dict(so_far)
            return
        person = document["mentees"][place]
        id = person["id"]
        options = [wish["mentor"] for wish in person["wishes"] if (id, wish["mentor"]) not in excluded]
        for option in [pinned[id]] if id in pinned else [None, *options]:
            if option is None or left[option] > 0:
                left[option or ""] = left.get(option or "", 0) - 1
                so_far[id] = option
                yield from extend(place + 1, so_far)
                left[option or ""] += 1

    yield from extend(0, {})


def value_of(document: Document, matching: Matching) -> tuple[int, int]:
    """People matched, then their scores: what coverage makes as great as it can."""
    scores = {
        (mentee["id"], wish["mentor"]): wish["score"] for mentee in document["mentees"] for wish in mentee["wishes"]
    }
    pairs = [(mentee, mentor) for mentee, mentor in matching.items() if mentor is not None]
    return len(pairs), sum(scores[pair] for pair in pairs)


def blocking(document: Document, matching: Matching) -> list[tuple[str, str]]:
    """Pairs that would both strictly rather have each other, ranks as they are; pins and exclusions left alone."""
    excluded = {(exclusion["mentee"], exclusion["mentor"]) for exclusion in document.get("exclusions", [])}
    pinned = {pin["mentee"] for pin in document.get("pins", [])}
    ranks = {(mentee["id"], wish["mentor"]): wish for mentee in document["mentees"] for wish in mentee["wishes"]}
    capacity = {mentor["id"]: mentor["capacity"] for mentor in document["mentors"]}
    held: dict[str, list[str]] = {mentor: [] for mentor in capacity}
    for mentee, mentor in matching.items():
        if mentor is not None:
            held[mentor].append(mentee)
    found = []
    for (mentee, mentor), wished in ranks.items():
        now = matching[mentee]
        if (mentee, mentor) in excluded or mentee in pinned or now == mentor:
            continue
        if now is not None and ranks[mentee, now]["rank"] <= wished["rank"]:
            continue
        movable = [who for who in held[mentor] if who not in pinned]
        worse = any(ranks[who, mentor]["mentor_rank"] > wished["mentor_rank"] for who in movable)
        if len(held[mentor]) < capacity[mentor] or worse:
            found.append((mentee, mentor))
    return found


def parsed(document: Document) -> RoundInput:
    return RoundInput.model_validate(document)
