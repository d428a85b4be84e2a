"""Sessions in MongoDB. The cookie holds a random id; the store holds its hash, and the content encrypted with a key
that is derived from the id: who reads the database can neither take over a session nor read a token.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import TypeAdapter

from services.web.session.domain import Session
from shared.clock import Clock
from shared.errors import Contended
from shared.mongo import ASCENDING, Database, IndexModel, ensure_indexes

_ID_BYTES = 32
_TOUCHED_SECONDS = 60
_BEFORE_SIGN_IN = timedelta(hours=1)
"""How long a session without a person is kept: everybody on the network can have one made."""
_ATTEMPTS = 5
_RENEWAL_SECONDS = 15
_SESSION: TypeAdapter[Session] = TypeAdapter(Session)


class SessionRepository:
    def __init__(self, database: Database, clock: Clock, *, idle: timedelta, lifetime: timedelta) -> None:
        self._sessions = database["sessions"]
        self._clock = clock
        self._idle = idle
        self._lifetime = lifetime

    async def prepare(self) -> None:
        await ensure_indexes(
            self._sessions, [IndexModel([("expires_at", ASCENDING)], name="expired", expireAfterSeconds=0)]
        )

    async def create(self, session: Session) -> str:
        """Returns the id for the cookie, which is stored nowhere."""
        id = secrets.token_urlsafe(_ID_BYTES)
        now = self._clock.now()
        lifetime = self._lifetime if session.tokens else min(self._lifetime, _BEFORE_SIGN_IN)
        await self._sessions.insert_one(
            {
                "_id": _hashed(id),
                "version": 1,
                "sealed": _seal(id, session),
                "ends_at": now + lifetime,
                "expires_at": now + min(self._idle, lifetime),
            }
        )
        return id

    async def find(self, id: str) -> Session | None:
        """None for an unknown or expired session. Postpones the end of an idle session."""
        now = self._clock.now()
        found = await self._sessions.find_one({"_id": _hashed(id), "expires_at": {"$gt": now}})
        if found is None:
            return None
        extended: datetime = min(now + self._idle, found["ends_at"])
        if (extended - found["expires_at"]).total_seconds() > _TOUCHED_SECONDS:
            await self._sessions.update_one({"_id": found["_id"]}, {"$set": {"expires_at": extended}})
        return _open(id, found["sealed"])

    async def is_alive(self, id: str) -> bool:
        """Does not postpone the end."""
        alive = {"_id": _hashed(id), "expires_at": {"$gt": self._clock.now()}}
        return await self._sessions.find_one(alive, {"_id": 1}) is not None

    async def change(self, id: str, change: Callable[[Session], Session]) -> Session | None:
        """Applies `change` to the newest state; None where the session has ended."""
        seen = 0
        for _ in range(_ATTEMPTS):
            found = await self._sessions.find_one({"_id": _hashed(id)})
            if found is None:
                return None
            changed = change(_open(id, found["sealed"]))
            written = await self._sessions.update_one(
                {"_id": found["_id"], "version": found["version"]},
                {"$set": {"sealed": _seal(id, changed)}, "$inc": {"version": 1}},
            )
            if written.matched_count:
                return changed
            seen = found["version"]
        raise Contended(found=seen + 1, expected=seen)

    async def delete(self, id: str) -> None:
        await self._sessions.delete_one({"_id": _hashed(id)})

    async def claim_renewal(self, id: str) -> bool:
        """Whether this request may renew the tokens. Providers that rotate refresh tokens take each of them once, so
        that two renewals at the same time would end the session.
        """
        free = {"$lt": [{"$ifNull": ["$renewing_until", "$$NOW"]}, {"$add": ["$$NOW", 1]}]}
        claimed = await self._sessions.update_one(
            {"_id": _hashed(id), "$expr": free},
            [{"$set": {"renewing_until": {"$add": ["$$NOW", _RENEWAL_SECONDS * 1000]}}}],
        )
        return claimed.matched_count == 1

    async def release_renewal(self, id: str) -> None:
        await self._sessions.update_one({"_id": _hashed(id)}, {"$unset": {"renewing_until": ""}})


def _hashed(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()


def _cipher(id: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"preceptor web session").derive(id.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _seal(id: str, session: Session) -> bytes:
    return _cipher(id).encrypt(_SESSION.dump_json(session))


def _open(id: str, sealed: bytes) -> Session:
    return _SESSION.validate_json(_cipher(id).decrypt(sealed))
