"""A person's deliveries with the reasons for each decision; reports of bounces and complaints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.deliveries.domain.outcomes import Suppression, after_report
from services.notifications.kernel.domain import Recipient
from services.notifications.projections.domain import Reader
from services.notifications.projections.usecases import Readers
from shared.auth import Principal
from shared.clock import Clock
from shared.errors import Forbidden, NotFound

ReportKind = Literal["bounce", "complaint"]
Verdict = Literal["suppressed", "ignored", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the institution's mail system reports about a mail; `delivery` or `address` says whose it was."""

    kind: ReportKind
    is_permanent: bool
    delivery: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Mailbox:
    recipient: Recipient
    address_digest: str


class DeliveryRepository(Protocol):
    async def newest(self, recipient: Recipient, *, before: str | None, limit: int) -> Sequence[Delivery]: ...

    async def find(self, recipient: Recipient, id: str) -> Delivery | None: ...

    async def mailbox(self, institution: str, *, delivery: str | None, address: str | None) -> Mailbox | None:
        """The member to whom a delivery went, or whose address it is, in this institution."""

    async def suppress(self, found: Sequence[tuple[Recipient, Suppression]]) -> None: ...


class Deliveries:
    def __init__(self, repository: DeliveryRepository, readers: Readers, clock: Clock) -> None:
        self._repository = repository
        self._readers = readers
        self._clock = clock

    async def page(self, me: Principal, *, before: str | None, limit: int) -> tuple[Reader, Sequence[Delivery]]:
        """The newest first."""
        reader = await self._readers.active(me)
        return reader, await self._repository.newest(reader.recipient, before=before, limit=limit)

    async def see(self, me: Principal, id: str) -> tuple[Reader, Delivery]:
        reader = await self._readers.active(me)
        found = await self._repository.find(reader.recipient, id)
        if found is None:
            raise NotFound("delivery_not_found", "there is no delivery to you with this id")
        return reader, found

    async def report(self, me: Principal, reports: Sequence[Report]) -> Sequence[Verdict]:
        """One verdict for each report. A bounce that is not permanent suppresses nothing: the mail is retried."""
        me.require("integrator")
        if not me.scope.is_whole:
            raise Forbidden("role_required", "only an integrator of the whole institution reports on its mail")
        verdicts: list[Verdict] = []
        suppressed: list[tuple[Recipient, Suppression]] = []
        for report in reports:
            mailbox = await self._repository.mailbox(me.home, delivery=report.delivery, address=report.address)
            if mailbox is None:
                verdicts.append("unknown")
            elif report.kind == "bounce" and not report.is_permanent:
                verdicts.append("ignored")
            else:
                now = self._clock.now()
                what = after_report(report.kind, address_digest=mailbox.address_digest, now=now)
                suppressed.append((mailbox.recipient, what))
                verdicts.append("suppressed")
        await self._repository.suppress(suppressed)
        return verdicts
