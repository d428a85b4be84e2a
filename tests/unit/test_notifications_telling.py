"""The use case, with a ledger by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

from services.notifications.domain import Notice, Notification, Recipient
from services.notifications.usecases.telling import Telling, Told
from shared.contracts.envelope import Trace
from shared.contracts.matching import Ranked, SuggestionsChanged
from shared.contracts.payload import Recipient as Named

TRACE = Trace(correlation_id="request", causation_id="fact")


class FixedClock:
    def __init__(self) -> None:
        self._ids = count(1)

    def now(self) -> datetime:
        return datetime(2027, 1, 4, 9, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"


class LedgerInMemory:
    def __init__(self) -> None:
        self.positions: dict[Recipient, int] = {}
        self.kept: dict[str, Notification] = {}
        self.told: list[tuple[Told, Trace]] = []

    async def next_position(self, recipient: Recipient) -> int:
        self.positions[recipient] = self.positions.get(recipient, 0) + 1
        return self.positions[recipient]

    async def unread(self, notices: Sequence[Notice]) -> Mapping[Recipient, Notification]:
        wanted = {(notice.recipient, notice.occasion) for notice in notices}
        return {
            one.recipient: one
            for one in self.kept.values()
            if one.read_at is None and (one.recipient, one.occasion) in wanted
        }

    async def save(self, told: Sequence[Told], trace: Trace) -> None:
        for one in told:
            assert one.is_new == (one.notification.id not in self.kept)
            self.kept[one.notification.id] = one.notification
            self.told.append((one, trace))


def event(*recipients: str, entered: tuple[str, ...] = ("ada",)) -> SuggestionsChanged:
    ranked = tuple(Ranked(mentor=name, institution="north", rank=rank) for rank, name in enumerate(("ben", "ada"), 1))
    return SuggestionsChanged(
        enrolment="residency.mia",
        programme="residency",
        mentee="mia",
        institution="north",
        version=1,
        ranked=ranked,
        entered=entered,
        cause="own_change",
        recipients=tuple(Named(member=member, institution="north") for member in recipients),
    )


async def tell(ledger: LedgerInMemory, *events: SuggestionsChanged) -> None:
    telling = Telling(FixedClock())
    for one in events:
        await telling.suggestions_changed(one, TRACE, ledger)


async def test_every_recipient_gets_a_notification_and_each_is_published() -> None:
    ledger = LedgerInMemory()
    await tell(ledger, event("mia", "max"))
    assert {one.recipient.member for one in ledger.kept.values()} == {"mia", "max"}
    assert {one.recorded.aggregate for one, _ in ledger.told} == ledger.kept.keys()


async def test_an_event_without_recipients_writes_nothing() -> None:
    ledger = LedgerInMemory()
    await tell(ledger, event())
    assert (ledger.kept, ledger.told, ledger.positions) == ({}, [], {})


async def test_a_second_event_updates_the_unread_notification_under_a_new_position() -> None:
    ledger = LedgerInMemory()
    await tell(ledger, event("mia"), event("mia", entered=("ben",)))
    (only,) = ledger.kept.values()
    assert only.position == 2
    assert [mentor.member for mentor in only.change.entered] == ["ada", "ben"]


async def test_what_is_published_says_who_was_told_of_what_and_nothing_else() -> None:
    ledger = LedgerInMemory()
    await tell(ledger, event("mia"))
    ((told, trace),) = ledger.told
    assert trace == TRACE
    assert told.recorded.model_dump() == {
        "notification": next(iter(ledger.kept)),
        "member": "mia",
        "institution": "north",
        "template": "suggestions-changed",
        "occasion": "suggestions:residency:own_change",
        "position": 1,
    }


async def test_new_mentors_are_kept_best_first() -> None:
    ledger = LedgerInMemory()
    await tell(ledger, event("mia", entered=("ada", "ben", "nobody-on-the-list")))
    (only,) = ledger.kept.values()
    assert [mentor.member for mentor in only.change.entered] == ["ben", "ada"]
