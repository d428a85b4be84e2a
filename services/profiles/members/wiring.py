"""Wires members: routes for coordinators and for the person."""

from services.profiles.members.api.me import me_router
from services.profiles.members.api.members import members_router
from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.members.usecases import MemberUseCases
from services.profiles.programmes.repository import MongoProgrammeRepository
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    members, use_cases = build_members(dependencies)
    return Slice(prepare=[members.prepare], routers=[me_router(use_cases), members_router(use_cases)])


def build_members(dependencies: ServiceDependencies) -> tuple[MongoMemberRepository, MemberUseCases]:
    """For this slice and those above it."""
    members = MongoMemberRepository(dependencies.database, dependencies.clock)
    return members, MemberUseCases(members, MongoProgrammeRepository(dependencies.database, dependencies.clock))
