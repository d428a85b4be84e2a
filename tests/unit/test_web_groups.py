"""Pages of mentoring groups: opened in two steps, signed, met on the same meetings, and left."""

from typing import Any

from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_AT = "2026-11-01T09:00:00Z"
_OPENING = "POST mentorships/programmes/care/groups"
_TERMS = "What is said here stays here."


def person(member: str, *, name: str | None = "", has_signed: bool = False) -> dict[str, Any]:
    shown = member.title() if name == "" else name
    return {"member": member, "institution": "st-anna", "name": shown, "has_signed": has_signed}


def group(**changed: Any) -> dict[str, Any]:
    return {
        "id": "g",
        "programme": "care",
        "state": "forming",
        "side": "mentee",
        "mentor": person("ada", has_signed=True),
        "mentees": [person("m1"), person("zoe", name=None)],
        "terms": {"number": 1, "text": _TERMS},
        "meetings": [],
        "possible": ["sign", "leave"],
        **changed,
    }


def with_meetings(**changed: Any) -> dict[str, Any]:
    times = {"b": ("2026-11-30", False), "a": ("2026-11-23", True), "c": ("2026-12-07", False)}
    meetings = [
        {
            "id": f"{day}T17:00",
            "starts_at": f"{day}T17:00:00Z",
            "ends_at": f"{day}T18:00:00Z",
            "local_starts": f"{day}T17:00",
            "is_held": is_held,
        }
        for day, is_held in sorted(times.values())
    ]
    plan = {
        "starts": "2026-11-23T17:00",
        "zone": "UTC",
        "minutes": 60,
        "rule": "FREQ=WEEKLY;BYDAY=MO",
        "skipped": [],
        "place": "Café",
        "link": "",
    }
    return group(state="active", plan=plan, meetings=meetings, in_force={"number": 1, "text": _TERMS}, **changed)


def mentorship(id: str, mentee: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": id,
        "programme": "care",
        "mentee": {"member": mentee, "institution": "st-anna", "name": mentee.title()},
        "mentor": {"member": "m1", "institution": "st-anna", "name": "Nora"},
        "state": "active",
        "began_at": _AT,
        "side": "mentor",
        "possible": [],
        **changed,
    }


_OWN = {
    "GET mentorships/me/mentorships": page_of(
        mentorship("a", "mia"), mentorship("b", "zoe"), mentorship("c", "tom", state="introduction")
    )
}


async def test_a_mentor_checks_whom_and_what_before_a_group_is_opened() -> None:
    services = FakeServices({**_OWN, _OPENING: (201, group(side="mentor"))})
    async with pages(services) as site:
        form = await site.get("/groups/open")
        chosen = {"mentorships": ["a", "b", "c"], "terms": _TERMS}
        hidden = {"_csrf": "csrf", "_owner": "subject", "_once": "once"}
        check = text_of(await site.client.post("/groups/open", data=hidden | chosen))
        assert not services.has_received(_OPENING)
        sent = await site.client.post("/groups/open", data=hidden | chosen | {"step": "open"})
    assert 'value="a"' in form.text
    assert 'value="c"' not in form.text, "an introduction is not in a group"
    assert "Mia Zoe Agreement" in check
    assert sent.headers["location"] == "/groups/g"
    assert services.sent(_OPENING) == {"mentorships": ["a", "b"], "terms": _TERMS}


async def test_a_group_of_fewer_than_two_or_without_terms_is_not_checked() -> None:
    async with pages(FakeServices(_OWN)) as site:
        answer = await site.post("/groups/open", mentorships="a", terms=" ")
    assert answer.status_code == 422
    assert '<a href="#mentorships">' in answer.text
    assert '<a href="#terms">' in answer.text


async def test_a_mentee_reads_and_signs_the_agreement_without_names_of_others() -> None:
    services = FakeServices(
        {"GET mentorships/groups/g": ok(group()), "POST mentorships/groups/g/terms/1/sign": ok(group())}
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/groups/g"))
        signed = await site.post("/groups/g", command="sign", number="1")
    assert _TERMS in shown
    assert "A mentee who has not signed yet" in shown
    assert "End the group" not in shown
    assert signed.headers["location"] == "/groups/g"
    assert services.has_received("POST mentorships/groups/g/terms/1/sign")


async def test_a_meeting_of_the_group_is_held_and_a_coming_one_cancelled_by_the_mentor() -> None:
    of = with_meetings(side="mentor", possible=["propose", "plan", "cancel_one", "hold", "end"])
    held, cancelled = (
        "POST mentorships/groups/g/meetings/2026-11-30T17:00/held",
        "DELETE mentorships/groups/g/meetings/2026-12-07T17:00",
    )
    services = FakeServices({"GET mentorships/groups/g": ok(of), held: ok(of), cancelled: ok(of)})
    async with pages(services) as site:
        shown = (await site.get("/groups/g")).text
        await site.post("/groups/g", meeting="held 2026-11-30T17:00")
        await site.post("/groups/g", meeting="cancel 2026-12-07T17:00")
        unknown = await site.post("/groups/g", meeting="cancel ../../x")
    assert "Every week on Monday, at 17:00" in shown
    assert 'value="held 2026-11-30T17:00"' in shown
    assert 'value="held 2026-11-23T17:00"' not in shown
    assert services.has_received(held)
    assert services.has_received(cancelled)
    assert unknown.status_code == 404


async def test_the_mentor_changes_terms_and_plans_meetings() -> None:
    of = with_meetings(side="mentor", possible=["propose", "plan"])
    services = FakeServices(
        {
            "GET mentorships/groups/g": ok(of),
            "PUT mentorships/groups/g/terms": ok(of),
            "PUT mentorships/groups/g/meetings": problem(412, "version_stale"),
        }
    )
    plan = {"repeats": "once", "starts": "2026-12-14", "time": "17:00", "minutes": "60", "zone": "UTC"}
    async with pages(services) as site:
        empty = await site.post("/groups/g/terms", terms=" ")
        changed = await site.post("/groups/g/terms", terms="Be on time.")
        filled = (await site.get("/groups/g/meetings")).text
        wrong = await site.post("/groups/g/meetings", **(plan | {"starts": "soon"}))
        stale = await site.post("/groups/g/meetings", **plan)
    assert [empty.status_code, wrong.status_code, stale.status_code] == [422, 422, 422]
    assert changed.headers["location"] == "/groups/g"
    assert 'value="Café"' in filled
    assert "This was changed in the meantime." in text_of(stale)


async def test_who_leaves_comes_back_to_their_groups() -> None:
    services = FakeServices(
        {
            "POST mentorships/groups/g/leave": ok(group(state="ended")),
            "GET mentorships/me/groups": page_of(group(), group(id="h", side="mentor", possible=[])),
        }
    )
    async with pages(services, language="de") as site:
        left = await site.post("/groups/g", command="leave")
        shown = text_of(await site.get("/groups"))
    assert left.headers["location"] == "/groups"
    assert "Gruppe von Ada" in shown
    assert "Ihre Gruppe mit 2 Mentees" in shown
