"""Wires invitations: their routes, and the source of one-time codes."""

import secrets
from datetime import timedelta

from services.profiles.invitations.api import invitations_router, programme_invitations_router
from services.profiles.invitations.repository.invitations import MongoInvitationRepository
from services.profiles.invitations.usecases.invitations import InvitationUseCases
from services.profiles.invitations.usecases.programmes import ProgrammeInvitations
from services.profiles.members.wiring import build_members
from services.profiles.programmes.wiring import build_programmes
from services.profiles.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, settings: Settings) -> Slice:
    members, member_use_cases = build_members(dependencies)
    invitations = MongoInvitationRepository(dependencies.database, members, dependencies.clock)
    lasts = timedelta(days=settings.invitation_days)
    use_cases = InvitationUseCases(
        invitations, members, member_use_cases, clock=dependencies.clock, new_code=_new_code, lasts=lasts
    )
    key = settings.invitation_key.get_secret_value() if settings.invitation_key else ""
    _, programmes = build_programmes(dependencies)
    of_programmes = ProgrammeInvitations(
        invitations, members, programmes, clock=dependencies.clock, new_code=_new_code, lasts=lasts, key=key
    )
    routers = [invitations_router(use_cases), programme_invitations_router(of_programmes)]
    return Slice(prepare=[invitations.prepare], routers=routers)


def _new_code() -> str:
    return secrets.token_urlsafe(24)
