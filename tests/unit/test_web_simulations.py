"""Other weights: a coordinator compares before they apply a draft, and a mentee tries theirs before they save."""

from typing import Any

import pytest
from pydantic import BaseModel

from services.matching.simulations import api
from services.matching.simulations.comparison import Churn, Figures
from services.web.clients import simulations
from services.web.coordinator.simulations import LIMITS, WEIGHED
from services.web.labels import LABELS
from shared.contracts.profiles import PROGRAMME_FACTORS
from tests.unit.web_kit import FakeServices, member, ok, page_of, pages, problem, text_of

_COORDINATOR = frozenset({"institution_coordinator"})
_WEIGHTS = dict.fromkeys(WEIGHED, 20)
_PROGRAMME = {
    "id": "care",
    "institution": "st-anna",
    "name": "First Friday",
    "status": "active",
    "weights": _WEIGHTS,
    "limits": {"list_length": 10, "minimum_score": 0},
}
_FIELDS = dict.fromkeys(WEIGHED, "20") | {"list_length": "10", "minimum_score": "30", "topics": "80"}


def rules(**weights: int) -> dict[str, Any]:
    return {"weights": _WEIGHTS | weights, "limits": _PROGRAMME["limits"]}


def figures(unmatched: int) -> dict[str, Any]:
    return {
        "mentees": 40,
        "unmatched": {"below_minimum_score": unmatched},
        "mean_first_percent_thousandths": 71_500,
        "load_gini_thousandths": 210,
        "mentors_listed": 25,
    }


def simulation(state: str = "ready") -> dict[str, Any]:
    churn = {
        "lists_changed": 12,
        "first_changed": 7,
        "entered": 30,
        "left": 28,
        "mentors_entering": 2,
        "mentors_leaving": 1,
    }
    result = {
        "rules": {"today": rules(), "draft": rules(topics=80)},
        "figures": {"today": figures(1), "draft": figures(4)},
        "churn": churn,
        "change": {"method": "PATCH", "path": "/programmes/care", "if_match": '"9"', "body": rules(topics=80)},
    }
    times = {"began_at": "2026-11-30T09:00:00Z", "expires_at": "2026-12-14T09:00:00Z"}
    return {"id": "s", "programme": "care", "state": state, **times, **({"result": result} if state == "ready" else {})}


_ANSWERS = {
    "GET profiles/programmes": page_of(_PROGRAMME),
    "GET matching/programmes/care/rehearsals": page_of(simulation("applied")),
    "GET matching/rehearsals/s": ok(simulation()),
    "POST matching/programmes/care/rehearsals": (202, simulation("running")),
    "POST matching/rehearsals/s/drop": ok(simulation("dropped")),
    "PATCH profiles/programmes/care": ok(_PROGRAMME),
}


async def test_a_draft_is_compared_before_it_can_be_applied() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_COORDINATOR) as site:
        form = await site.get("/programmes/care/rules")
        begun = await site.post("/programmes/care/rules", **_FIELDS)
        shown = text_of(await site.get("/programmes/care/rules/s"))
    assert 'name="topics" type="number" value="20"' in form.text
    assert begun.headers["location"] == "/programmes/care/rules/s"
    sent = services.sent("POST matching/programmes/care/rehearsals")
    assert sent["weights"]["topics"] == 80
    assert sent["limits"] == {"list_length": 10, "minimum_score": 30}
    assert "Topics: 20 → 80" in shown
    assert "12 lists change" in shown
    assert "71.5" in shown
    assert not services.has_received("PATCH profiles/programmes/care")


async def test_what_is_applied_is_what_was_compared() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_COORDINATOR) as site:
        applied = await site.post("/programmes/care/rules/s", command="apply", topics="5")
        elsewhere = await site.post("/programmes/other/rules/s", command="apply")
    assert applied.headers["location"] == "/programmes/care/rules"
    assert services.sent("PATCH profiles/programmes/care") == rules(topics=80)
    assert elsewhere.status_code == 404


async def test_a_programme_that_was_changed_since_is_left_as_it_is() -> None:
    services = FakeServices(_ANSWERS | {"PATCH profiles/programmes/care": problem(412, "version_stale")})
    async with pages(services, roles=_COORDINATOR) as site:
        answer = await site.post("/programmes/care/rules/s", command="apply")
    assert answer.status_code == 422
    assert "changed in the meantime" in text_of(answer)


async def test_numbers_out_of_range_are_named_and_kept() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_COORDINATOR) as site:
        answer = await site.post("/programmes/care/rules", **(_FIELDS | {"topics": "101", "list_length": "0"}))
    assert answer.status_code == 422
    assert '<a href="#topics">' in answer.text
    assert "Enter a whole number from 1 to 10." in text_of(answer)
    assert 'value="101"' in answer.text


async def test_only_the_owner_changes_the_rules_of_a_programme() -> None:
    services = FakeServices(_ANSWERS | {"GET profiles/programmes": page_of(_PROGRAMME | {"institution": "north"})})
    async with pages(services, roles=_COORDINATOR) as site:
        assert (await site.get("/programmes/care/rules")).status_code == 404
    async with pages(FakeServices(_ANSWERS)) as site:
        assert (await site.get("/programmes/care/rules")).status_code == 403


_CARD = {"named": True, "topics": ["careers"], "languages": ["en"], "formats": ["video"], "specialty": "cardiology"}


def listed(mentor: str, match: int) -> dict[str, Any]:
    return {"mentor": mentor, "institution": "st-anna", "match": match, "factors": {}, "card": _CARD}


def mine() -> dict[str, Any]:
    return member("m1", name="Nora", locale="en", enrolments=[{"programme": "care", "roles": ["mentee"]}])


async def test_a_mentee_sees_who_would_come_first_before_they_save() -> None:
    services = FakeServices(
        {
            "GET profiles/me": ok(mine()),
            "GET profiles/programmes": page_of(_PROGRAMME),
            "GET profiles/cards": page_of({"id": "ada", "institution": "st-anna", "relation": "s", "name": "Ada"}),
            "GET matching/me/mentors": page_of(listed("ada", 90), listed("bo", 70)),
            "PATCH profiles/me": ok(mine()),
        }
    )
    async with pages(services) as site:
        tried = await site.post("/profile/weights", topics="80", step="try")
        assert not services.has_received("PATCH profiles/me")
        saved = await site.post("/profile/weights", topics="80", step="save")
    shown = text_of(tried)
    assert "Ada , cardiology 90 % fit, as today" in shown
    assert "A mentor at st-anna, cardiology 70 % fit" in shown
    assert 'value="80"' in tried.text
    assert saved.headers["location"] == "/mentors"
    assert services.sent("PATCH profiles/me") == {"weights": {"topics": 80}}


async def test_a_paused_mentee_reads_that_nothing_can_be_tried() -> None:
    services = FakeServices({"GET profiles/me": ok(mine()), "GET matching/me/mentors": problem(409, "paused")})
    async with pages(services) as site:
        answer = await site.post("/profile/weights", topics="80", step="try")
    assert answer.status_code == 200
    assert "cannot be tried at the moment" in text_of(answer)


@pytest.mark.parametrize(
    ("read", "answered"),
    [
        (simulations.Simulation, api.SimulationRead),
        (simulations.Result, api.ResultRead),
        (simulations.Rules, api.RulesRead),
        (simulations.Limits, api.LimitsRead),
        (simulations.Change, api.ChangeRead),
    ],
)
def test_pages_read_only_what_the_api_answers(read: type[BaseModel], answered: type[BaseModel]) -> None:
    assert set(read.model_fields) <= set(answered.model_fields)


def test_every_figure_factor_and_limit_is_known() -> None:
    assert set(simulations.Figures.model_fields) == set(Figures.__dataclass_fields__)
    assert set(simulations.Churn.model_fields) == set(Churn.__dataclass_fields__)
    assert set(WEIGHED) == set(PROGRAMME_FACTORS) == set(LABELS["factor_programme"])
    assert set(LIMITS) == set(api.LimitsRead.model_fields) == set(LABELS["limit"])
