"""The mail worker, with a queue, a mail server and a clock in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from services.notifications.deliveries.domain.deliveries import Addressee, Circumstances, Decision, Delivery
from services.notifications.deliveries.domain.outcomes import Result
from services.notifications.deliveries.worker import Draft, MailWorker, Pace
from services.notifications.kernel.domain import Message, Recipient
from services.notifications.preferences.domain.choices import Category, Policy, Preferences
from services.notifications.preferences.domain.times import Cadence

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
ANYBODY = Addressee(zone=ZoneInfo("UTC"), preferences=Preferences(), policy=Policy())


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def new_id(self) -> str:
        return "id"


class Held:
    def __init__(self, *, held: bool = True) -> None:
        self.is_held = held

    async def take(self) -> bool:
        return self.is_held


class QueueInMemory:
    def __init__(self, *deliveries: Delivery) -> None:
        self.waiting = list(deliveries)
        self.recorded: list[tuple[Delivery, Result | None]] = []

    async def claim(self, *, limit: int, now: datetime, until: datetime) -> Sequence[Delivery]:
        assert until > now
        self.waiting.sort(key=lambda delivery: delivery.is_bulk)
        claimed, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return claimed

    async def claim_digest(self, delivery: Delivery, *, now: datetime, until: datetime) -> Sequence[Delivery]:
        assert until > now
        same = [each for each in self.waiting if _digest(each) == _digest(delivery)]
        self.waiting = [each for each in self.waiting if each not in same]
        return same

    async def circumstances(self, delivery: Delivery) -> Circumstances:
        return Circumstances(addressee=ANYBODY, is_read=delivery.id.startswith("read"))

    async def draft(self, deliveries: Sequence[Delivery]) -> Draft:
        return Draft(
            deliveries=deliveries,
            messages=[Message(title=delivery.id, body="") for delivery in deliveries],
            name="",
            address="mia@example.org",
            locale="en",
            first_of_matter=None,
        )

    async def record(self, decided: Sequence[Delivery], *, result: Result | None) -> None:
        self.recorded += [(delivery, result) for delivery in decided]


def _digest(delivery: Delivery) -> object:
    return delivery.recipient, delivery.cadence, delivery.category


class Composer:
    def compose(self, draft: Draft, *, at: datetime) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = " ".join(delivery.id for delivery in draft.deliveries)
        message["Date"] = at
        return message


class Server:
    def __init__(self, *results: Result) -> None:
        self.sent: list[str] = []
        self._results = list(results)

    async def send(self, message: EmailMessage) -> Result:
        self.sent.append(str(message["Subject"]))
        return self._results.pop(0) if self._results else "accepted"

    async def close(self) -> None: ...


class Counted:
    def decided(self, decision: Decision) -> None: ...


def delivery(
    id: str, *, bulk: bool = False, cadence: Cadence | None = None, category: Category = "requests"
) -> Delivery:
    return Delivery(
        id=id,
        recipient=Recipient(institution="north", member="mia"),
        occasion=id,
        matter=id,
        template="request-made",
        notification=id,
        position=1,
        category=category,
        is_urgent=False,
        is_bulk=bulk,
        cadence=cadence,
        decisions=(Decision(at=NOW, state="sending", reason="claimed", until=NOW),),
    )


def worker(
    queue: QueueInMemory, server: Server, clock: Clock, *, per_minute: int = 60_000, lease: Held | None = None
) -> MailWorker:
    return MailWorker(
        queue,
        Composer(),
        server,
        lease or Held(),
        Pace(per_minute, clock),
        clock,
        Counted(),
        claimed_for=timedelta(minutes=1),
    )


async def test_a_single_mail_goes_before_those_that_wait_from_a_round() -> None:
    queue, server, clock = QueueInMemory(*(delivery(f"round-{n}", bulk=True) for n in range(100))), Server(), Clock()
    sends = worker(queue, server, clock, per_minute=60)
    await sends.work()
    assert server.sent == ["round-0"]
    queue.waiting.append(delivery("answer"))
    clock.seconds += 1
    await sends.work()
    assert server.sent == ["round-0", "answer"]


async def test_no_more_is_sent_in_a_minute_than_the_rate_allows() -> None:
    queue, server, clock = QueueInMemory(*(delivery(str(n)) for n in range(1_000))), Server(), Clock()
    sends = worker(queue, server, clock, per_minute=120)
    for _ in range(240):
        await sends.work()
        clock.seconds += 0.25
    assert 115 <= len(server.sent) <= 125


async def test_a_server_that_cannot_be_used_pauses_all_mail_and_costs_no_attempt() -> None:
    queue, server, clock = QueueInMemory(delivery("a"), delivery("b")), Server("unavailable", "unavailable"), Clock()
    sends = worker(queue, server, clock)
    await sends.work()
    assert [(each.state, each.attempts) for each, _ in queue.recorded] == [("deferred", 0)] * 2
    queue.waiting.append(delivery("c"))
    await sends.work()
    assert server.sent == ["a", "b"]
    clock.seconds += 6
    await sends.work()
    assert server.sent == ["a", "b", "c"]


async def test_a_server_that_takes_some_mail_is_not_paused_for_refusing_a_further_connection() -> None:
    queue, server, clock = QueueInMemory(delivery("a"), delivery("b")), Server("accepted", "unavailable"), Clock()
    sends = worker(queue, server, clock)
    await sends.work()
    queue.waiting.append(delivery("c"))
    await sends.work()
    assert server.sent == ["a", "b", "c"]


async def test_a_busy_server_delays_one_mail_and_counts_the_attempt() -> None:
    queue, server = QueueInMemory(delivery("a"), delivery("b")), Server("busy")
    await worker(queue, server, Clock()).work()
    assert [(each.id, each.state, each.attempts) for each, _ in queue.recorded] == [
        ("a", "deferred", 1),
        ("b", "sent", 0),
    ]


async def test_a_digest_is_one_mail_of_a_category() -> None:
    lists = [delivery(f"list-{n}", bulk=True, cadence="daily", category="lists") for n in range(3)]
    rounds = delivery("round", bulk=True, cadence="daily", category="rounds")
    queue, server = QueueInMemory(*lists, rounds), Server()
    await worker(queue, server, Clock()).work()
    assert sorted(server.sent) == ["list-0 list-1 list-2", "round"]
    assert {each.state for each, _ in queue.recorded} == {"sent"}
    assert len(queue.recorded) == 4


async def test_what_is_not_wanted_any_more_is_not_given_to_the_server() -> None:
    queue, server = QueueInMemory(delivery("read-a"), delivery("b")), Server()
    await worker(queue, server, Clock()).work()
    assert server.sent == ["b"]
    assert {(each.id, each.decisions[-1].reason, result) for each, result in queue.recorded} == {
        ("read-a", "already_read", None),
        ("b", "accepted", "accepted"),
    }


async def test_without_the_lease_nothing_is_claimed() -> None:
    queue, server = QueueInMemory(delivery("a")), Server()
    await worker(queue, server, Clock(), lease=Held(held=False)).work()
    assert (server.sent, len(queue.waiting)) == ([], 1)
