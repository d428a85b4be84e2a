"""Who listens is woken, and nobody else."""

from services.notifications.inbox.usecases.live import InboxListeners
from services.notifications.kernel.domain import Recipient

MIA = Recipient(institution="north", member="mia")
SAME_NAME_ELSEWHERE = Recipient(institution="south", member="mia")


def test_every_stream_of_a_person_is_woken() -> None:
    bells = InboxListeners()
    with bells.listen(MIA) as phone, bells.listen(MIA) as laptop:
        bells.wake(MIA)
        assert phone.is_set()
        assert laptop.is_set()


def test_another_institutions_member_of_the_same_id_is_not_woken() -> None:
    bells = InboxListeners()
    with bells.listen(MIA), bells.listen(SAME_NAME_ELSEWHERE) as other:
        bells.wake(MIA)
        assert not other.is_set()


def test_a_closed_stream_is_forgotten() -> None:
    bells = InboxListeners()
    with bells.listen(MIA):
        assert bells.listening == 1
    assert bells.listening == 0
    bells.wake(MIA)


def test_all_are_woken_when_anything_may_have_been_missed() -> None:
    bells = InboxListeners()
    with bells.listen(MIA) as mine, bells.listen(SAME_NAME_ELSEWHERE) as other:
        bells.wake_all()
        assert mine.is_set()
        assert other.is_set()
