"""All that bears on two people, in one read of the decision's own transaction: one moment's state, and one way there.

Joined by the server from the mentee on: of somebody who is gone nothing can be decided anyway.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.matching.kernel.participants import Exchange, Institution, Person, Policy, Preferences
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.mentoring.repository.ceilings import given
from services.matching.mentoring.repository.pairs import (
    APART,
    OPEN,
    RELATIONSHIPS,
    REQUESTS,
    SEATS,
    SEPARATING,
    relationship_of,
    request_of,
)
from services.matching.mentoring.repository.waiting_list import ASSIGNMENTS, waiting_of
from services.matching.projections.repository import (
    INSTITUTIONS,
    PARTICIPANTS,
    PREFERENCES,
    PROGRAMMES,
    institution_of,
    member_of,
    preferences_of,
    programme_of,
)
from services.matching.rotations.documents import COUNTING, ROTATIONS
from shared.mongo import Document, Writing

_KNOWN: Document = {"erased": False}
_PENDING: Document = {"state": "pending"}


def situation(writing: Writing, programme: str, *, mentee: str, mentor: str) -> Situation:
    stages = [
        _one(mentee),
        *_PERSON,
        *_binding(mentor),
        _other(mentor),
        _policy(programme),
        _waiting(mentee, programme),
    ]
    found = next(iter(writing[PARTICIPANTS].aggregate(stages, session=writing.session)), None)
    if found is None:
        return Situation(policy=None, mentee=None, mentor=None, asked=())
    others = found["other"]
    policies = [programme_of(one) for one in found["policy"]]
    homes = [institution_of(one) for who in (found, *others) for one in who["home"]]
    admitted = {one.id: one for policy in policies for one in homes if one.id in policy.admits}
    policy = next((Policy(one, admitted) for one in policies), None)
    return Situation(
        policy=policy and replace(policy, given=_given(writing, policy, homes)),
        mentee=_mentee(found),
        mentor=next((_person(one) for one in others), None),
        asked=[request_of(one) for one in found["requests"] if one["state"] == "pending"],
        is_waiting=bool(found["waiting"]),
        had_mentoring=any(_had_mentoring(one, mentee, mentor) for one in found["bonds"]),
    )


def _given(writing: Writing, policy: Policy, homes: Sequence[Institution]) -> Mapping[Exchange, int]:
    return given(writing, policy.capped([(homes[0].id, homes[-1].id)] if homes else []))


def person(writing: Writing, id: str) -> Person | None:
    """Without who is kept from them."""
    found = writing[PARTICIPANTS].aggregate([_one(id), *_PERSON], session=writing.session)
    return next((_person(one) for one in found), None)


def pending(writing: Writing, wanted: Document) -> list[Request]:
    found = writing[REQUESTS].find({**wanted, **_PENDING}, session=writing.session)
    return [request_of(one) for one in found]


def _one(id: str) -> Document:
    return {"$match": {"_id": id, **_KNOWN}}


def _joined(name: str, *, by: str, of: str = "_id", only: Document | None = None, to: str) -> Document:
    told: list[Document] = [{"$match": only}] if only else []
    return {"$lookup": {"from": name, "localField": of, "foreignField": by, "pipeline": told, "as": to}}


_PERSON = [
    _joined(PREFERENCES, by="_id", only=_KNOWN, to="private"),
    _joined(SEATS, by="_id", to="seats"),
    _joined(INSTITUTIONS, of="institution", by="_id", only=_KNOWN, to="home"),
]


def _binding(mentor: str) -> list[Document]:
    """What was closed between the two is read whatever it does: a request says that it is a repeat."""
    bonds = {"$or": [OPEN, SEPARATING, {"state": "closed", "mentor.member": mentor}]}
    return [
        _joined(RELATIONSHIPS, by="parties", only=bonds, to="bonds"),
        _joined(REQUESTS, by="mentee.member", only={"$or": [_PENDING, APART]}, to="requests"),
        _joined(ROTATIONS, by="parties", only=COUNTING, to="rotations"),
    ]


def _had_mentoring(document: Document, mentee: str, mentor: str) -> bool:
    couple = document["mentee"]["member"], document["mentor"]["member"]
    return document["state"] == "closed" and couple == (mentee, mentor)


def _other(mentor: str) -> Document:
    return {"$lookup": {"from": PARTICIPANTS, "pipeline": [_one(mentor), *_PERSON], "as": "other"}}


def _policy(programme: str) -> Document:
    return {"$lookup": {"from": PROGRAMMES, "pipeline": [_one(programme)], "as": "policy"}}


def _waiting(mentee: str, programme: str) -> Document:
    stages: list[Document] = [{"$match": waiting_of(mentee, programme)}, {"$limit": 1}, {"$project": {"_id": 1}}]
    return {"$lookup": {"from": ASSIGNMENTS, "pipeline": stages, "as": "waiting"}}


def _mentee(document: Document) -> Person:
    id = document["_id"]
    declined = [one for one in document["requests"] if one["state"] == "declined"]
    bonds = [relationship_of(one) for one in document["bonds"]]
    mentors = {one.pair.mentor.member for one in bonds if one.is_open and one.pair.mentee.member == id}
    apart = mentors | {one["mentor"]["member"] for one in declined}
    separating = [one for one in bonds if one.separates]
    apart |= {_other_than(id, one) for one in separating if not one.allows_repeat}
    separated = {_other_than(id, one) for one in separating}
    return _person(
        document,
        kept_from=frozenset(apart | separated),
        may_ask_again=frozenset(separated - apart),
        firewall=_firewall(id, document["rotations"]),
    )


def _other_than(id: str, relationship: Relationship) -> str:
    pair = relationship.pair
    return pair.mentor.member if pair.mentee.member == id else pair.mentee.member


def _person(document: Document, **binding: Any) -> Person:
    member = member_of(document)
    private = next((preferences_of(one) for one in document["private"]), Preferences(member=member.id))
    return Person(member, private, sum(one["taken"] for one in document["seats"]), **binding)


def _firewall(who: str, rotations: Iterable[Document]) -> dict[str, frozenset[str]]:
    """By programme."""
    around: defaultdict[str, set[str]] = defaultdict(set)
    for one in rotations:
        others = set(one["parties"]) - {who}
        for programme in one["programmes"]:
            around[programme] |= others
    return {programme: frozenset(others) for programme, others in around.items()}
