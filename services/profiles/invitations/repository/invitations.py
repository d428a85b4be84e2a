"""Documents ↔ invitations. Accepting uses up the invitation and binds the sign-in in one transaction."""

from collections.abc import Sequence

from services.profiles.invitations.domain import Invitation
from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MongoMemberRepository
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Conflict
from shared.mongo import ASCENDING, Database, Document, IndexModel, Writing, ensure_indexes, in_one_thread

INVITATIONS = "invitations"


class MongoInvitationRepository:
    def __init__(self, database: Database, members: MongoMemberRepository, clock: Clock) -> None:
        self._database = database
        self._invitations = database[INVITATIONS]
        self._members = members
        self._clock = clock

    async def prepare(self) -> None:
        by_member = IndexModel([("institution", ASCENDING), ("member", ASCENDING)], name="by_member")
        await ensure_indexes(self._invitations, [by_member])

    async def invite(self, invitation: Invitation) -> None:
        def body(writing: Writing) -> None:
            member = {"institution": invitation.institution, "member": invitation.member}
            invitations = writing[INVITATIONS]
            invitations.delete_many({**member, "used_at": None}, session=writing.session)
            invitations.insert_one(
                {"_id": invitation.code_hash, **member, "expires_at": invitation.expires_at, "used_at": None},
                session=writing.session,
            )

        await in_one_thread(self._database, body)

    async def invitation(self, institution: str, code_hash: str) -> Invitation | None:
        found = await self._invitations.find_one({"_id": code_hash, "institution": institution})
        return None if found is None else _invitation(found)

    async def invitations_of(self, institution: str, member: str) -> Sequence[Invitation]:
        found = self._invitations.find({"institution": institution, "member": member})
        return [_invitation(document) async for document in found]

    async def accept(
        self,
        invitation: Invitation,
        before: Versioned[Member],
        after: Member,
        payloads: Sequence[Payload],
        trace: Trace,
    ) -> Versioned[Member]:
        used_at = self._clock.now()

        def use(writing: Writing) -> None:
            open_still = {"_id": invitation.code_hash, "institution": invitation.institution, "used_at": None}
            used = writing[INVITATIONS].update_one(open_still, {"$set": {"used_at": used_at}}, session=writing.session)
            if not used.matched_count:
                raise Conflict(
                    "invitation_used", "the invitation has already been used: ask your coordinator for another"
                )

        return await self._members.save_with(use, before, after, payloads, trace)

    async def unbind(
        self, before: Versioned[Member], after: Member, payloads: Sequence[Payload], trace: Trace, *, by: str
    ) -> Versioned[Member]:
        member = {"institution": after.institution, "member": after.id}
        entry = {"_id": self._clock.new_id(), "when": self._clock.now(), "who": by, "what": "sign-in removed", **member}

        def record(writing: Writing) -> None:
            writing["audit"].insert_one(entry, session=writing.session)

        return await self._members.save_with(record, before, after, payloads, trace)


def _invitation(document: Document) -> Invitation:
    return Invitation(
        code_hash=document["_id"],
        institution=document["institution"],
        member=document["member"],
        expires_at=document["expires_at"],
        used_at=document["used_at"],
    )
