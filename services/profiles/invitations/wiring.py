"""Wires invitations: their routes, and the source of one-time codes."""

import secrets
from datetime import timedelta

from services.profiles.invitations.api import invitations_router
from services.profiles.invitations.repository.invitations import MongoInvitationRepository
from services.profiles.invitations.usecases.invitations import InvitationUseCases
from services.profiles.members.wiring import build_members
from services.profiles.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, settings: Settings) -> Slice:
    members, member_use_cases = build_members(dependencies)
    invitations = MongoInvitationRepository(dependencies.database, members, dependencies.clock)
    use_cases = InvitationUseCases(
        invitations,
        members,
        member_use_cases,
        clock=dependencies.clock,
        new_code=lambda: secrets.token_urlsafe(24),
        lasts=timedelta(days=settings.invitation_days),
    )
    return Slice(prepare=[invitations.prepare], routers=[invitations_router(use_cases)])
