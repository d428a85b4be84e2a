"""Reads the situation of a mentee and a mentor by one aggregation, in the transaction of the decision.

The aggregation starts from the mentee; without one it returns nothing, and no decision is possible.
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
from shared.mongo import Document, Transaction

_NOT_ERASED: Document = {"erased": False}
_PENDING: Document = {"state": "pending"}


def situation(transaction: Transaction, programme: str, *, mentee: str, mentor: str) -> Situation:
    stages = [
        _match(mentee),
        *_PERSON,
        *_relations(mentor),
        _mentor_lookup(mentor),
        _policy_lookup(programme),
        _waiting_lookup(mentee, programme),
    ]
    found = next(iter(transaction[PARTICIPANTS].aggregate(stages, session=transaction.session)), None)
    if found is None:
        return Situation(policy=None, mentee=None, mentor=None, asked=())
    others = found["other"]
    programmes = [programme_of(document) for document in found["policy"]]
    homes = [institution_of(document) for person in (found, *others) for document in person["home"]]
    admitted = {home.id: home for projected in programmes for home in homes if home.id in projected.admits}
    policy = next((Policy(projected, admitted) for projected in programmes), None)
    return Situation(
        policy=policy and replace(policy, given=_given(transaction, policy, homes)),
        mentee=_mentee(found),
        mentor=next((_person(document) for document in others), None),
        asked=[request_of(document) for document in found["requests"] if document["state"] == "pending"],
        mentors=sum(_is_mentor_in(document, programme, mentee) for document in found["bonds"]),
        is_waiting=bool(found["waiting"]),
        had_mentoring=any(_had_mentoring(document, mentee, mentor) for document in found["bonds"]),
    )


def _given(transaction: Transaction, policy: Policy, homes: Sequence[Institution]) -> Mapping[Exchange, int]:
    return given(transaction, policy.capped([(homes[0].id, homes[-1].id)] if homes else []))


def person(transaction: Transaction, id: str) -> Person | None:
    """The member with preferences and seats, without the mentors that are kept apart from them."""
    found = transaction[PARTICIPANTS].aggregate([_match(id), *_PERSON], session=transaction.session)
    return next((_person(document) for document in found), None)


def pending(transaction: Transaction, wanted: Document) -> list[Request]:
    found = transaction[REQUESTS].find({**wanted, **_PENDING}, session=transaction.session)
    return [request_of(document) for document in found]


def _match(id: str) -> Document:
    return {"$match": {"_id": id, **_NOT_ERASED}}


def _lookup(name: str, *, by: str, of: str = "_id", only: Document | None = None, to: str) -> Document:
    pipeline: list[Document] = [{"$match": only}] if only else []
    return {"$lookup": {"from": name, "localField": of, "foreignField": by, "pipeline": pipeline, "as": to}}


_PERSON = [
    _lookup(PREFERENCES, by="_id", only=_NOT_ERASED, to="private"),
    _lookup(SEATS, by="_id", to="seats"),
    _lookup(INSTITUTIONS, of="institution", by="_id", only=_NOT_ERASED, to="home"),
]


def _relations(mentor: str) -> list[Document]:
    """Reads closed relationships of the two even where they no longer separate: a request states if it is a repeat."""
    bonds = {"$or": [OPEN, SEPARATING, {"state": "closed", "mentor.member": mentor}]}
    return [
        _lookup(RELATIONSHIPS, by="parties", only=bonds, to="bonds"),
        _lookup(REQUESTS, by="mentee.member", only={"$or": [_PENDING, APART]}, to="requests"),
        _lookup(ROTATIONS, by="parties", only=COUNTING, to="rotations"),
    ]


def _had_mentoring(document: Document, mentee: str, mentor: str) -> bool:
    couple = document["mentee"]["member"], document["mentor"]["member"]
    return document["state"] == "closed" and couple == (mentee, mentor)


def _is_mentor_in(document: Document, programme: str, mentee: str) -> bool:
    """Whether this relationship gives the mentee a mentor in the programme."""
    is_theirs = document["programme"] == programme and document["mentee"]["member"] == mentee
    return is_theirs and relationship_of(document).is_open


def _mentor_lookup(mentor: str) -> Document:
    return {"$lookup": {"from": PARTICIPANTS, "pipeline": [_match(mentor), *_PERSON], "as": "other"}}


def _policy_lookup(programme: str) -> Document:
    return {"$lookup": {"from": PROGRAMMES, "pipeline": [_match(programme)], "as": "policy"}}


def _waiting_lookup(mentee: str, programme: str) -> Document:
    stages: list[Document] = [{"$match": waiting_of(mentee, programme)}, {"$limit": 1}, {"$project": {"_id": 1}}]
    return {"$lookup": {"from": ASSIGNMENTS, "pipeline": stages, "as": "waiting"}}


def _mentee(document: Document) -> Person:
    id = document["_id"]
    declined = [request for request in document["requests"] if request["state"] == "declined"]
    bonds = [relationship_of(bond) for bond in document["bonds"]]
    mentors = {bond.pair.mentor.member for bond in bonds if bond.is_open and bond.pair.mentee.member == id}
    apart = mentors | {request["mentor"]["member"] for request in declined}
    separating = [bond for bond in bonds if bond.separates]
    apart |= {_other_than(id, bond) for bond in separating if not bond.allows_repeat}
    separated = {_other_than(id, bond) for bond in separating}
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
    private = next((preferences_of(private) for private in document["private"]), Preferences(member=member.id))
    return Person(member, private, sum(seat["taken"] for seat in document["seats"]), **binding)


def _firewall(member: str, rotations: Iterable[Document]) -> dict[str, frozenset[str]]:
    """Members who assess this one or are assessed by them, by programme."""
    around: defaultdict[str, set[str]] = defaultdict(set)
    for rotation in rotations:
        others = set(rotation["parties"]) - {member}
        for programme in rotation["programmes"]:
            around[programme] |= others
    return {programme: frozenset(others) for programme, others in around.items()}
