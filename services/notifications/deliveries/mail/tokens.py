"""Signed tokens of links by which a person unsubscribes from a category without signing in (RFC 8058).

They do not expire: a mail may be opened years later. They hold ids only, and turn mail off, nothing else.
"""

from typing import Any

import jwt

from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.domain.choices import CATEGORIES, Category

_ALGORITHM, _PURPOSE = "HS256", "unsubscribe"


class UnsubscribeTokens:
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def token(self, recipient: Recipient, category: Category) -> str:
        claims = {"aud": _PURPOSE, "i": recipient.institution, "m": recipient.member, "c": category}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> tuple[Recipient, Category] | None:
        """None for a token that was not made here."""
        try:
            claims: dict[str, Any] = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], audience=_PURPOSE)
        except jwt.InvalidTokenError:  # the docstring says what None means
            return None
        category = next((known for known in CATEGORIES if known == claims.get("c")), None)
        if category is None:
            return None
        return Recipient(institution=str(claims.get("i")), member=str(claims.get("m"))), category
