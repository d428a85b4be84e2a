"""Composition root: the slices of profiles, each built from the same dependencies."""

import asyncio
from collections.abc import Collection, Sequence

from services.profiles.cards import wiring as cards
from services.profiles.consents import wiring as consents
from services.profiles.institutions import wiring as institutions
from services.profiles.invitations import wiring as invitations
from services.profiles.members import wiring as members
from services.profiles.privacy import wiring as privacy
from services.profiles.privacy.erasure.repository import erase_now
from services.profiles.programmes import wiring as programmes
from services.profiles.republishing import wiring as republishing
from services.profiles.rosters import wiring as rosters
from services.profiles.settings import Settings
from services.profiles.vocabulary import wiring as vocabulary
from shared import bootstrap
from shared.clock import Clock, SystemClock
from shared.contracts.dead_letters import ProfilesRecordParked
from shared.service import ROLES, Service, roles_of, run
from shared.slices import assemble
from shared.telemetry import configure_logs

NAME = "profiles"


def main(arguments: Sequence[str]) -> None:
    settings = Settings.from_environment()
    configure_logs(NAME, level=settings.log_level)
    asyncio.run(_run(settings, sorted(roles_of(arguments))))


async def _run(settings: Settings, roles: Sequence[str]) -> None:
    clock = SystemClock()
    await run(build(settings, clock, roles=roles), clock)


def build(settings: Settings, clock: Clock, *, roles: Collection[str] = ROLES) -> Service:
    """Inside a running event loop. Slices above come first: `/members/{member}/erasure` is matched before
    `/members/{member}/{command}`.
    """
    dependencies = bootstrap.build(NAME, settings, clock, roles, dead_letter=ProfilesRecordParked)
    return assemble(
        dependencies,
        "Preceptor profiles",
        "Institutions, programmes and members: who is in the network, and what they offer, want and allow.",
        [
            republishing.build(dependencies, settings),
            privacy.build(dependencies, settings),
            rosters.build(
                dependencies,
                settings,
                erase_now=erase_now(clock),
                nearest=vocabulary.unknown_words(dependencies).nearest,
            ),
            cards.build(dependencies),
            consents.build(dependencies),
            invitations.build(dependencies, settings),
            vocabulary.build(dependencies),
            members.build(dependencies),
            programmes.build(dependencies),
            institutions.build(dependencies),
        ],
    )
