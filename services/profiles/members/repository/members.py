"""Documents ↔ members, with the indexes that make identifiers unique within an institution."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.repository import DocumentMapping, MongoAggregateRepository, to_versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.name_words import words
from services.profiles.members.repository import name_search as searching
from services.profiles.members.usecases import MemberFilter
from shared.clock import Clock
from shared.contracts.profiles import Enrolment
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    IndexModel,
    ensure_indexes,
)
from shared.scope import Scope

_FIELDS = tuple(field.name for field in fields(Member) if field.name not in {"id", "enrolments"})


def _to_document(member: Member) -> Document:
    document: Document = {"_id": member.id}
    document |= {name: getattr(member, name) for name in _FIELDS}
    document["enrolments"] = [
        {"programme": enrolment.programme, "roles": list(enrolment.roles)} for enrolment in member.enrolments
    ]
    document[searching.WORDS] = list(words(member.name))
    return document


def _from_document(document: Document) -> Member:
    known: dict[str, Any] = {name: _value(document[name]) for name in _FIELDS if name in document}
    enrolments = tuple(
        Enrolment(programme=enrolment["programme"], roles=tuple(enrolment["roles"]))
        for enrolment in document["enrolments"]
    )
    known.setdefault(
        "agreed_affiliations", known.get("affiliations", ())
    )  # written before named institutions were asked
    return Member(id=document["_id"], enrolments=enrolments, **known)


def _value(kept: Any) -> Any:
    return tuple(kept) if isinstance(kept, list) else kept


MEMBERS = "members"
_NO_FILTER = MemberFilter()
MAPPING = DocumentMapping(
    collection=MEMBERS,
    to_document=_to_document,
    from_document=_from_document,
    taken={
        "email": ("email_taken", "another member of this institution has this e-mail address"),
        "external_id": ("external_id_taken", "another member of this institution has this external_id"),
        "subject_hash": ("sign_in_taken", "this sign-in belongs to another member already"),
        "_id": ("member_exists", "this member id is taken"),
    },
)


def _unique(field: str) -> IndexModel:
    """Unique within the institution; members without the value are not duplicates.

    `$gt: ""` matches any text. With `$type: string` the planner ignores the index and reads the whole institution.
    """
    return IndexModel(
        [("institution", ASCENDING), (field, ASCENDING)],
        name=f"unique_{field}",
        unique=True,
        partialFilterExpression={field: {"$gt": ""}},
    )


INDEXES = [
    _unique("email"),
    _unique("external_id"),
    _unique("subject_hash"),
    IndexModel([("institution", ASCENDING), ("_id", ASCENDING)], name="page"),
    IndexModel(
        [("affiliations", ASCENDING), ("_id", ASCENDING)],
        name="affiliated",
        partialFilterExpression={"affiliations": {"$gt": ""}},
    ),
    searching.INDEX,
    IndexModel([("institution", ASCENDING), ("enrolments.programme", ASCENDING), ("_id", ASCENDING)], name="enrolled"),
]


class MongoMemberRepository(MongoAggregateRepository[Member]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, MAPPING, clock)

    async def prepare(self) -> None:
        await ensure_indexes(self.collection, INDEXES)
        await searching.add_missing_words(self.collection)

    async def find_signed_in(self, institution: str, subject_hash: str) -> Versioned[Member] | None:
        return self._read(await self.collection.find_one({"institution": institution, "subject_hash": subject_hash}))

    async def named(self, parties: Sequence[tuple[str, str]]) -> Sequence[Member]:
        """By institution and id, across institutions: for cards."""
        if not parties:
            return []
        wanted = [{"_id": member, "institution": institution} for institution, member in parties]
        return [_from_document(document) async for document in self.collection.find({"$or": wanted})]

    async def naming(self, institution: str, after: str | None, limit: int) -> Sequence[Versioned[Member]]:
        others = {"affiliations": institution, "institution": {"$ne": institution}, "_id": {"$gt": after or ""}}
        found = self.collection.find(others).sort("_id", ASCENDING).limit(limit)
        return [to_versioned(document, MAPPING) async for document in found]

    async def find_naming(self, institution: str, id: str) -> Versioned[Member] | None:
        others = {"_id": id, "affiliations": institution, "institution": {"$ne": institution}}
        return self._read(await self.collection.find_one(others))

    async def find_within(self, scope: Scope, id: str) -> Versioned[Member] | None:
        return self._read(await self.collection.find_one({"_id": id, **_within(scope)}))

    async def page(
        self, scope: Scope, wanted: MemberFilter, after: str | None, limit: int
    ) -> Sequence[Versioned[Member]]:
        query: Document = {"_id": {"$gt": after or ""}, **_within(scope, wanted), **_query(wanted)}
        if wanted.name_words:
            sought = await searching.by_name(self.collection, scope.institution, wanted.name_words)
            query["$and"] = [*query.get("$and", []), *sought["$and"]]
        found = self.collection.find(query).sort("_id", ASCENDING).limit(limit)
        return [to_versioned(document, MAPPING) async for document in found]


_EXACT = ("status", "specialty", "stage", "external_id", "email")


def _query(wanted: MemberFilter) -> Document:
    return {name: value for name in _EXACT if (value := getattr(wanted, name)) is not None}


def _within(scope: Scope, wanted: MemberFilter = _NO_FILTER) -> Document:
    """Filters apply to enrolments in scope only, so that a query cannot find out a member's other enrolments."""
    enrolled: list[Document] = [] if scope.is_whole else [{"programme": {"$in": sorted(scope.programmes)}}]
    enrolled += [{"programme": wanted.programme}] if wanted.programme is not None else []
    enrolled += [{"roles": wanted.role}] if wanted.role is not None else []
    limit: Document = {"enrolments": {"$elemMatch": {"$and": enrolled}}} if enrolled else {}
    return {"institution": scope.institution, **limit}
