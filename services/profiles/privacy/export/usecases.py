"""Collects everything that profiles holds about a person."""

from dataclasses import asdict, replace
from typing import Any

from services.profiles.invitations.usecases.invitations import InvitationRepository
from services.profiles.members.usecases import MemberUseCases
from services.profiles.privacy.erasure.usecases import ErasureRepository
from shared.principal import Principal


class Export:
    def __init__(self, invitations: InvitationRepository, erasures: ErasureRepository, people: MemberUseCases) -> None:
        self._invitations = invitations
        self._erasures = erasures
        self._people = people

    async def of(self, me: Principal) -> dict[str, Any]:
        mine = await self._people.see_myself(me)
        invitations = await self._invitations.invitations_of(me.home, mine.state.id)
        return {
            "member": {
                **asdict(replace(mine.state, enrolments=())),
                "enrolments": [enrolment.model_dump() for enrolment in mine.state.enrolments],
            },
            "version": mine.version,
            "published": dict(mine.sequences),
            "erasures": [
                {**asdict(erasure), "outstanding": erasure.outstanding}
                for erasure in await self._erasures.of_member(me.home, mine.state.id)
            ],
            "invitations": [
                {"expires_at": invitation.expires_at, "used_at": invitation.used_at} for invitation in invitations
            ],
        }
