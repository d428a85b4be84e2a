"""Finds members by staff number or e-mail address, comparing digests in their projected preferences.

Members outside the institution and the scope are not found, and do not make an identifier ambiguous.
"""

from collections import defaultdict
from collections.abc import Collection

from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES, digest_field
from shared.identifiers import IDENTIFIER_KINDS, identifier_digest
from shared.mongo import Database, Document
from shared.offloop import off_loop
from shared.scope import Scope


async def members_named(
    database: Database, institution: str, identifiers: Collection[Identifier], *, within: Document
) -> MembersByIdentifier:
    """`within` limits the members to a scope. One query for each kind: with `$or` the planner uses neither index."""
    digests = await off_loop(_digests, institution, identifiers)
    holders: dict[str, set[str]] = defaultdict(set)
    for kind in IDENTIFIER_KINDS:
        wanted = [digest for identifier, digest in digests.items() if identifier.kind == kind]
        if wanted:
            field = digest_field(kind)
            mine = {"institution": institution, field: {"$in": wanted}, "erased": False}
            for document in await database[PREFERENCES].find(mine, {field: 1}).to_list(None):
                holders[document[field]].add(document["_id"])
    ids = {member for members in holders.values() for member in members}
    covered = await _covered(database, {"_id": {"$in": list(ids)}, "institution": institution, **within}) if ids else ()
    return {
        identifier: holders[digest].intersection(covered) for identifier, digest in digests.items() if digest in holders
    }


def enrolled_within(scope: Scope) -> Document:
    """Members with an enrolment in scope."""
    return {} if scope.is_whole else {"enrolments.programme": {"$in": sorted(scope.programmes)}}


def wholly_within(scope: Scope) -> Document:
    """Members with an enrolment in scope and none outside."""
    if scope.is_whole:
        return {}
    outside = {"$elemMatch": {"programme": {"$nin": sorted(scope.programmes)}}}
    return {"enrolments.0": {"$exists": True}, "enrolments": {"$not": outside}}


def _digests(institution: str, identifiers: Collection[Identifier]) -> dict[Identifier, str]:
    return {
        identifier: identifier_digest(institution=institution, kind=identifier.kind, value=identifier.value)
        for identifier in identifiers
    }


async def _covered(database: Database, wanted: Document) -> set[str]:
    found = await database[PARTICIPANTS].find({**wanted, "erased": False}, {"_id": 1}).to_list(None)
    return {document["_id"] for document in found}
