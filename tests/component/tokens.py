"""Roles as tests name them: a coordinator without programmes is the whole institution's."""

from collections.abc import Sequence


def roles_for(roles: Sequence[str], programmes: Sequence[str] = ()) -> list[str]:
    whole = "coordinator" if programmes else "institution_coordinator"
    return [whole if role == "coordinator" else role for role in roles]
