"""What profiles says of the signed-in person, kept in the session so that each page can greet them without asking."""

from dataclasses import replace

from services.web.clients.profiles import Own, Profiles
from services.web.clients.transport import Refused, ServiceDown
from services.web.pages.visits import SignedInVisit, Web
from services.web.session.domain import Reader
from services.web.session.sessions import StoredSession


def reader_of(profile: Own) -> Reader:
    return Reader(
        member=profile.id,
        name=profile.name,
        locale=profile.locale,
        time_zone=profile.time_zone,
        is_mentee=profile.has_role("mentee"),
        is_mentor=profile.has_role("mentor"),
    )


async def remember_reader(web: Web, known: StoredSession, token: str) -> None:
    """At sign-in. A person without a profile, or profiles being down, prevents nobody from signing in."""
    try:
        profile, _ = await Profiles(web.service("profiles", token)).me()
    except (Refused, ServiceDown):  # the docstring says why that is right
        return
    await _keep(web, known, profile)


async def seen(visit: SignedInVisit, profile: Own) -> None:
    """After a page has read the profile: keeps what changed."""
    if visit.known and visit.known.session.reader != reader_of(profile):
        await _keep(visit.web, visit.known, profile)


async def _keep(web: Web, known: StoredSession, profile: Own) -> None:
    await web.sessions.repository.change(known.id, lambda session: replace(session, reader=reader_of(profile)))
