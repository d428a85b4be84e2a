"""A small network for the browser tests: one hospital, one programme, mentors and mentees with complete profiles."""

from dataclasses import dataclass
from typing import Any

from deploy.api_client import Api, Caller, until
from deploy.demo.founding import NewInstitution, found
from deploy.demo.network import Programme
from shared.clock import SystemClock

HOME, CARE = "browser-hospital", "browser-care"
WITHIN = 60


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str


async def found_network(api: Api) -> None:
    await found(
        api,
        [NewInstitution(id=HOME, name="Browser Hospital")],
        [Programme(id=CARE, name="First Friday", institution=HOME, admits=(HOME,))],
    )


async def join(api: Api, name: str, role: str, **profile: Any) -> Person:
    body = {
        "name": name,
        "email": f"{SystemClock().new_id()}@browser.example",
        "enrolments": [{"programme": CARE, "roles": [role]}],
        "stage": "attending" if role == "mentor" else "resident",
        "specialty": "cardiology",
        "topics_wanted": ["career-planning", "research-methods"] if role == "mentee" else [],
        "topics_offered": ["career-planning", "research-methods", "publishing"] if role == "mentor" else [],
        "languages": ["en", "de"],
        "formats": ["video", "in_person"],
        "time_zone": "Europe/Berlin",
        "hours_per_month": 6 if role == "mentor" else 0,
        "capacity": 3 if role == "mentor" else 0,
        "principles": "I answer within a week, and what you say stays with me." if role == "mentor" else "",
        **profile,
    }
    created = (await _coordinator(api).post("profiles", "/members", body)).json()
    return Person(created["id"], name)


async def suggested(api: Api, mentee: Person, mentor: Person) -> None:
    """Waits until the mentor is on the mentee's list, which profiles knows then too."""
    me = api.member(HOME, mentee.id)

    async def is_listed() -> bool | None:
        lists = (await me.get("matching", "/me/suggestions")).json()
        cards = (await me.get("profiles", "/cards", ids=[mentor.id])).json()["items"]
        found = any(item["mentor"] == mentor.id for each in lists for item in each["items"])
        return True if found and cards else None

    await until(is_listed, clock=SystemClock(), within=WITHIN, missing="the mentor on the list, with a card")


def _coordinator(api: Api) -> Caller:
    return api.coordinator(HOME)
