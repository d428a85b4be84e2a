"""Documents ↔ invitations. Accepting uses up the invitation and binds the sign-in in one transaction."""

from collections.abc import Mapping, Sequence

from services.profiles.invitations import domain
from services.profiles.invitations.domain import Invitation
from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MongoMemberRepository
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Conflict, StaleVersion
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent

INVITATIONS = "invitations"
_REMOVED = "sign-in removed"


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
        def body(transaction: Transaction) -> None:
            member = {"institution": invitation.institution, "member": invitation.member}
            invitations = transaction[INVITATIONS]
            invitations.delete_many({**member, "used_at": None}, session=transaction.session)
            invitations.insert_one(_document(invitation), session=transaction.session)

        await in_transaction(self._database, body)

    async def latest(self, institution: str, members: Sequence[str]) -> Mapping[str, Invitation]:
        found = self._invitations.find({"institution": institution, "member": {"$in": list(members)}})
        invitations = [_invitation(document) async for document in found]
        return {
            each.member: each for each in sorted(invitations, key=lambda each: (each.used_at is None, each.expires_at))
        }

    async def invite_many(self, invitations: Sequence[Invitation], trace: Trace) -> None:
        if not invitations:
            return
        now = self._clock.now()
        facts = [
            OutboxEvent(
                id=self._clock.new_id(),
                payload=event,
                institution=event.institution,
                sequence=sequence,
                time=now,
                trace=trace,
                bulk=True,
            )
            for event, sequence in (domain.mailed(each) for each in invitations if each.way == "mail")
        ]

        def body(transaction: Transaction) -> None:
            known = {"_id": {"$in": [each.code_hash for each in invitations]}, "used_at": {"$ne": None}}
            if transaction[INVITATIONS].find_one(known, {"_id": 1}, session=transaction.session):
                raise StaleVersion(found=1, expected=0)
            for institution in {each.institution for each in invitations}:
                members = [each.member for each in invitations if each.institution == institution]
                replaced = {"institution": institution, "member": {"$in": members}, "used_at": None}
                transaction[INVITATIONS].delete_many(replaced, session=transaction.session)
            transaction[INVITATIONS].insert_many([_document(each) for each in invitations], session=transaction.session)
            outbox.write(transaction, facts)

        await in_transaction(self._database, body)

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

        def use(transaction: Transaction) -> None:
            open_still = {"_id": invitation.code_hash, "institution": invitation.institution, "used_at": None}
            used = transaction[INVITATIONS].update_one(
                open_still, {"$set": {"used_at": used_at}}, session=transaction.session
            )
            if not used.matched_count:
                raise Conflict(
                    "invitation_used", "the invitation has already been used: ask your coordinator for another"
                )

        return await self._members.save_with(use, before, after, payloads, trace)

    async def unbind(
        self, before: Versioned[Member], after: Member, payloads: Sequence[Payload], trace: Trace, *, by: str
    ) -> Versioned[Member]:
        member = {"institution": after.institution, "member": after.id}
        entry = {"_id": self._clock.new_id(), "when": self._clock.now(), "who": by, "what": _REMOVED, **member}

        def record(transaction: Transaction) -> None:
            transaction["audit"].insert_one(entry, session=transaction.session)

        return await self._members.save_with(record, before, after, payloads, trace)

    async def has_unbound(self, institution: str, member: str, *, by: str) -> bool:
        removal = {"institution": institution, "member": member, "what": _REMOVED, "who": by}
        return await self._database["audit"].find_one(removal, {"_id": 1}) is not None


def _document(invitation: Invitation) -> Document:
    return {
        "_id": invitation.code_hash,
        "institution": invitation.institution,
        "member": invitation.member,
        "expires_at": invitation.expires_at,
        "used_at": invitation.used_at,
        "invited_at": invitation.invited_at,
        "invitation": invitation.id,
        "programme": invitation.programme,
        "reminders": invitation.reminders,
        "mailed_at": invitation.mailed_at,
    }


def _invitation(document: Document) -> Invitation:
    return Invitation(
        code_hash=document["_id"],
        institution=document["institution"],
        member=document["member"],
        expires_at=document["expires_at"],
        used_at=document["used_at"],
        invited_at=document.get("invited_at"),
        id=document.get("invitation", ""),
        programme=document.get("programme", ""),
        reminders=document.get("reminders", 0),
        mailed_at=document.get("mailed_at"),
    )
