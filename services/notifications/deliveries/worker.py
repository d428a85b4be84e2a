"""Sends mail that is due: one process at a time, by lease, at a set rate.

The intent is recorded before a mail is given to the server, and the result after. A process that is killed in between
leaves a delivery that is claimed again: mail is sent at least once. Mails of single people go before those that many
get at once, and each claim takes only what the rate allows, so that a round does not delay the mail of an answer.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Protocol

from services.notifications.deliveries.domain.deliveries import Circumstances, Decision, Delivery, before_sending
from services.notifications.deliveries.domain.outcomes import Result, decide
from services.notifications.kernel.domain import Message
from shared import failpoints
from shared.clock import Clock
from shared.telemetry import logger

_log = logger(__name__)
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one mail is made of: one delivery, or those of a digest."""

    deliveries: Sequence[Delivery]
    messages: Sequence[Message]
    """One for each delivery."""
    name: str
    address: str
    locale: str
    first_of_matter: str | None
    """The first delivery about the matter, to which a mail client attaches this one."""


class DeliveryQueue(Protocol):
    async def claim(self, *, limit: int, now: datetime, until: datetime) -> Sequence[Delivery]:
        """Marks due deliveries as being sent, single ones first; after `until` they can be claimed again."""

    async def claim_digest(self, delivery: Delivery, *, now: datetime, until: datetime) -> Sequence[Delivery]:
        """Claims the other due deliveries of the same digest."""

    async def circumstances(self, delivery: Delivery) -> Circumstances: ...

    async def draft(self, deliveries: Sequence[Delivery]) -> Draft: ...

    async def record(self, decided: Sequence[Delivery], *, result: Result | None) -> None:
        """Records the last decision of each. `result` is None where no mail was given to the server."""


class MailComposer(Protocol):
    def compose(self, draft: Draft, *, at: datetime) -> EmailMessage: ...


class Mailer(Protocol):
    async def send(self, message: EmailMessage) -> Result: ...

    async def close(self) -> None: ...


class HeldLease(Protocol):
    async def take(self) -> bool: ...


class Pace:
    """A token bucket: at most so many mails a minute, and no burst above those of one second."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_second = per_minute / 60
        self._burst = max(1.0, self._per_second)
        self._clock = clock
        self._tokens = self._burst
        self._at = clock.monotonic()

    def allowance(self) -> int:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return int(self._tokens)

    def spend(self, mails: int) -> None:
        self._tokens -= mails


class MailMetrics(Protocol):
    def decided(self, decision: Decision) -> None: ...


class MailWorker:
    def __init__(  # noqa: PLR0913 -- queue, composer, server, lease, rate, clock, and what is counted
        self,
        queue: DeliveryQueue,
        composer: MailComposer,
        mailer: Mailer,
        lease: HeldLease,
        pace: Pace,
        clock: Clock,
        metrics: MailMetrics,
        *,
        claimed_for: timedelta,
    ) -> None:
        """`claimed_for` is longer than the sending of one claim may take."""
        self._queue = queue
        self._composer = composer
        self._mailer = mailer
        self._lease = lease
        self._pace = pace
        self._clock = clock
        self._metrics = metrics
        self._claimed_for = claimed_for
        self._resumes_at = 0.0
        self._pause = _PAUSE_SECONDS

    async def work(self) -> None:
        """Sends until nothing is due, the rate is used up, or the server cannot be reached."""
        while await self._lease.take() and self._clock.monotonic() >= self._resumes_at:
            allowance = self._pace.allowance()
            if not allowance:
                return
            now = self._clock.now()
            claimed = await self._queue.claim(limit=allowance, now=now, until=now + self._claimed_for)
            if not claimed:
                return
            await self._send_all(claimed)

    async def _send_all(self, claimed: Sequence[Delivery]) -> None:
        mails = _grouped(claimed)
        results = await asyncio.gather(*(self._send(mail) for mail in mails))
        self._pace.spend(sum(result is not None for result in results))
        if "unavailable" in results and "accepted" not in results:  # some servers refuse a second connection only
            self._resumes_at = self._clock.monotonic() + self._pause
            _log.warning("the mail server cannot be used", pause_seconds=self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        elif any(results):
            self._pause = _PAUSE_SECONDS

    async def _send(self, mail: Sequence[Delivery]) -> Result | None:
        """Returns None where nothing was given to the server."""
        if mail[0].cadence is not None:
            now = self._clock.now()
            mail = [*mail, *await self._queue.claim_digest(mail[0], now=now, until=now + self._claimed_for)]
        mail = await self._still_wanted(mail)
        if not mail:
            return None
        draft = await self._queue.draft(mail)
        result = await self._give_to_server(draft)
        failpoints.reach("after-send")
        if result == "unavailable":
            await self._record([self._later(delivery) for delivery in mail], result)
        else:
            now = self._clock.now()
            await self._record([delivery.decided(decide(delivery, result, now)) for delivery in mail], result)
        return result

    async def _give_to_server(self, draft: Draft) -> Result:
        try:
            message = self._composer.compose(draft, at=self._clock.now())
        except ValueError:  # an address that cannot be in a header
            return "address_invalid"
        return await self._mailer.send(message)

    async def _still_wanted(self, mail: Sequence[Delivery]) -> Sequence[Delivery]:
        wanted, others = [], []
        for delivery in mail:
            found = await self._queue.circumstances(delivery)
            decision = before_sending(delivery, found, self._clock.now())
            if decision is None:
                wanted.append(delivery)
            else:
                others.append(delivery.decided(decision))
        await self._record(others, None)
        return wanted

    def _later(self, delivery: Delivery) -> Delivery:
        now = self._clock.now()
        until = now + timedelta(seconds=self._pause)
        return delivery.decided(Decision(at=now, state="deferred", reason="server_unavailable", until=until))

    async def _record(self, decided: Sequence[Delivery], result: Result | None) -> None:
        if not decided:
            return
        await self._queue.record([_counted(delivery) for delivery in decided], result=result)
        for delivery in decided:
            self._metrics.decided(delivery.decisions[-1])


def _counted(delivery: Delivery) -> Delivery:
    """Counts an attempt that ended in a retry, so that pauses grow and end."""
    is_retry = delivery.decisions[-1].reason in {"server_busy", "interrupted", "contact_unknown"}
    return replace(delivery, attempts=delivery.attempts + 1) if is_retry else delivery


def _grouped(claimed: Sequence[Delivery]) -> list[list[Delivery]]:
    """One mail for each delivery, or for those of a person's digest of a category."""
    mails: dict[object, list[Delivery]] = {}
    for delivery in claimed:
        key = delivery.id if delivery.cadence is None else (delivery.recipient, delivery.cadence, delivery.category)
        mails.setdefault(key, []).append(delivery)
    return list(mails.values())
