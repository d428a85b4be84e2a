"""Access check: which coordinators may see a programme."""

from services.matching.kernel.participants import Policy
from shared.errors import Forbidden, NotFound
from shared.principal import Principal


def require_coordinator(me: Principal, policy: Policy | None, programme: str) -> None:
    """Requires a coordinator of this programme whose institution it admits. Raises `NotFound` or `Forbidden`."""
    me.require("coordinator")
    if policy is None or me.home not in policy.programme.admits:
        raise NotFound("programme_not_found", "there is no programme with this id")
    refuse_other_programmes(me, programme)


def refuse_other_programmes(me: Principal, programme: str) -> None:
    """Raises `Forbidden` unless the token covers the programme."""
    if not me.coordinates(programme):
        raise Forbidden(
            "programme_refused", "your sign-in is limited to other programmes: ask a coordinator of this programme"
        )
