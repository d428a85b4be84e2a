"""What a notification shows, and when two events update the same notification."""

from dataclasses import replace

from services.notifications.kernel.domain import ListChange, Person, Recipient, pending_notifications

MENTEE = Recipient(institution="north", member="mia")


def change(*now: str, before: tuple[str, ...] = (), unmatched: str | None = None) -> ListChange:
    return ListChange(
        programme="residency",
        before=frozenset(before),
        now=tuple(Person(member=name, institution="north") for name in now),
        unmatched=unmatched,
    )


def occasion(what: ListChange, cause: str) -> str:
    return pending_notifications(what, cause=cause, recipients=[MENTEE])[0].occasion


def test_mentors_new_on_a_list_come_best_first() -> None:
    assert [entry.member for entry in change("ben", "ada", "eve", before=("ada",)).entered] == ["ben", "eve"]


def test_mentors_no_longer_on_a_list_have_left() -> None:
    assert change("ada", before=("ada", "ben")).left == {"ben"}


def test_a_reordered_list_has_no_new_and_no_gone_mentors() -> None:
    reordered = change("ben", "ada", before=("ada", "ben"))
    assert (reordered.entered, reordered.left) == ((), frozenset())


def test_each_outcome_has_its_template() -> None:
    assert change("ada").template == "suggestions-changed"
    assert change(before=("ada",), unmatched="no_free_mentor").template == "suggestions-none"
    assert change(before=("ada",)).template == "suggestions-ended"


def test_programme_and_cause_make_the_occasion() -> None:
    own = occasion(change("ada"), "own_change")
    assert own == "suggestions:residency:own_change"
    assert occasion(change("ada"), "others_change") != own
    assert occasion(replace(change("ada"), programme="fellowship"), "own_change") != own


def test_the_process_that_computed_a_list_does_not_change_the_occasion() -> None:
    assert occasion(change("ada"), "takeover") == occasion(change("ada"), "others_change")


def test_a_recipient_named_twice_is_notified_once() -> None:
    assert len(pending_notifications(change("ada"), cause="own_change", recipients=[MENTEE, MENTEE])) == 1
