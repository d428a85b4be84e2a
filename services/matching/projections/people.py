"""Reads the member bound to a sign-in, and the policy of a programme, from the projected documents."""

from services.matching.kernel.participants import Policy
from services.matching.projections import repository as projections
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES, PROGRAMMES, programme_of
from shared.mongo import Database, Document

INACTIVE: Document = {"status": "inactive"}


async def signed_in(database: Database, institution: str, subject_hash: str) -> str | None:
    """The member bound to this sign-in; None where they are inactive, since only profiles serves inactive members."""
    bound = await database[PREFERENCES].find_one(sign_in(institution, subject_hash), {"_id": 1})
    if bound is None or await database[PARTICIPANTS].find_one({"_id": bound["_id"], **INACTIVE}, {"_id": 1}):
        return None
    return str(bound["_id"])


def sign_in(institution: str, subject_hash: str) -> Document:
    return {"institution": institution, "subject_hash": subject_hash, "erased": False}


async def policy(database: Database, programme: str) -> Policy | None:
    """The programme's policy, without counts of the seats that are taken below ceilings."""
    document = await database[PROGRAMMES].find_one({"_id": programme, "erased": False})
    if document is None:
        return None
    known = programme_of(document)
    return Policy(known, await projections.institutions(database, known.admits))
