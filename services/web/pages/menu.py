"""The main menu: the areas that this person's roles open."""

from collections.abc import Iterator

from services.web.labels import N_
from services.web.session.domain import Reader
from shared.auth import Principal

_MENTEE = (("/mentors", N_("Find a mentor")), ("/requests", N_("My requests")))
_MENTOR = (("/asks", N_("Asks")),)
_BOTH = (("/mentorships", N_("My mentorships")), ("/inbox", N_("Inbox")), ("/profile", N_("Profile")))
_COORDINATOR = (("/programmes", N_("Programmes")), ("/members", N_("Members")), ("/rosters", N_("Rosters")))
_OPERATOR = (("/operations", N_("Operations")), ("/vocabulary", N_("Vocabulary")))
_WHOLE_INSTITUTION = (("/hearers", N_("People of trust")), ("/topics", N_("Unknown topics")))


def menu(principal: Principal, reader: Reader | None) -> Iterator[tuple[str, str]]:
    """Address and name of each area; the name is not translated yet."""
    if reader:
        yield from _MENTEE if reader.is_mentee else ()
        yield from _MENTOR if reader.is_mentor else ()
        yield from _BOTH
    if principal.is_coordinator:
        yield from _COORDINATOR
    if principal.coordinates_institution:
        yield from _WHOLE_INSTITUTION
    if "operator" in principal.roles:
        yield from _OPERATOR
