"""What is told, and when two tellings are one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.notifications.domain import ListChange, Mentor, Notification, Recipient, notices, tell

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
MENTEE = Recipient(institution="north", member="mia")


def mentor(name: str) -> Mentor:
    return Mentor(member=name, institution="north")


def change(*entered: str, left: tuple[str, ...] = (), total: int = 3, unmatched: str | None = None) -> ListChange:
    return ListChange(
        programme="residency",
        total=total,
        entered=tuple(mentor(name) for name in entered),
        left=left,
        unmatched=unmatched,
    )


def told(what: ListChange, *, unread: Notification | None = None, position: int = 1) -> Notification:
    (notice,) = notices(what, cause="own_change", recipients=[MENTEE])
    return tell(notice, unread, position=position, now=NOW + timedelta(hours=position), id=f"new-{position}")


def test_a_first_telling_makes_a_notification_at_the_recipients_next_position() -> None:
    one = told(change("ada"))
    assert (one.id, one.position, one.read_at, one.recipient) == ("new-1", 1, None, MENTEE)


def test_an_unread_notification_of_the_occasion_rises_instead_of_being_repeated() -> None:
    first = told(change("ada"))
    second = told(change("ben"), unread=first, position=7)
    assert (second.id, second.position, second.told_at) == (first.id, 7, NOW + timedelta(hours=7))


def test_what_came_while_unread_adds_up() -> None:
    both = told(change("ben"), unread=told(change("ada")))
    assert [one.member for one in both.change.entered] == ["ada", "ben"]


def test_who_came_and_went_while_unread_is_not_mentioned() -> None:
    both = told(change(left=("ada", "eve")), unread=told(change("ada", "ben")))
    assert [one.member for one in both.change.entered] == ["ben"]
    assert both.change.left == ("eve",)


def test_who_left_and_came_back_while_unread_is_not_mentioned() -> None:
    both = told(change("ada", "ben"), unread=told(change(left=("ada",))))
    assert ([one.member for one in both.change.entered], both.change.left) == (["ben"], ())


def test_the_same_change_told_twice_counts_once() -> None:
    both = told(change("ada", left=("eve",)), unread=told(change("ada", left=("eve",))))
    assert ([one.member for one in both.change.entered], both.change.left) == (["ada"], ("eve",))


def test_the_latest_length_and_reason_stand() -> None:
    both = told(change(left=("ada",), total=0, unmatched="paused"), unread=told(change("ada", total=1)))
    assert (both.change.total, both.change.unmatched, both.template) == (0, "paused", "suggestions-none")


def test_each_outcome_has_its_template() -> None:
    assert change("ada").template == "suggestions-changed"
    assert change(total=0, unmatched="no_free_mentor").template == "suggestions-none"
    assert change(total=0).template == "suggestions-ended"


def test_programme_and_cause_make_the_occasion() -> None:
    def occasion(what: ListChange, cause: str) -> str:
        return notices(what, cause=cause, recipients=[MENTEE])[0].occasion

    own = occasion(change("ada"), "own_change")
    assert own == "suggestions:residency:own_change"
    assert occasion(change("ada"), "others_change") != own
    assert occasion(replace(change("ada"), programme="fellowship"), "own_change") != own


def test_which_process_computed_a_list_makes_no_occasion_of_its_own() -> None:
    by_takeover = notices(change("ada"), cause="takeover", recipients=[MENTEE])
    assert by_takeover == notices(change("ada"), cause="others_change", recipients=[MENTEE])


def test_a_recipient_named_twice_is_told_once() -> None:
    assert len(notices(change("ada"), cause="own_change", recipients=[MENTEE, MENTEE])) == 1
