"""Codes of invitations that are sent by mail: derived from the invitation's id with a key that profiles and
notifications share, so that no event, log or database holds one.
"""

import base64
import hashlib
import hmac

from pydantic import SecretStr

_SHORTEST_KEY = 32


def code_of(invitation: str, *, key: str) -> str:
    """The id, a dot and its authentication code (HMAC-SHA256, 192 bits of it)."""
    digest = hmac.new(key.encode(), invitation.encode(), hashlib.sha256).digest()[:24]
    return f"{invitation}.{base64.urlsafe_b64encode(digest).decode()}"


def long_enough(key: SecretStr | None) -> SecretStr | None:
    """For settings: raises `ValueError` for a key that could be guessed."""
    if key is not None and len(key.get_secret_value()) < _SHORTEST_KEY:
        raise ValueError(f"must have at least {_SHORTEST_KEY} characters")
    return key
