"""The pages on which a coordinator says what an unknown topic means."""

from services.web.pages.menu import menu
from shared.principal import Principal
from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_ROLES = frozenset({"institution_coordinator"})
_CAREER = {
    "id": "career-planning",
    "labels": {"en": "Career planning", "de": "Karriereplanung"},
    "institution_names": {"st-anna": ["Laufbahn"]},
    "successor": None,
}
_TERMS = page_of(
    {**_CAREER, "id": "burnout", "labels": {"en": "Burnout"}, "institution_names": {}},
    _CAREER,
    {**_CAREER, "id": "old", "labels": {"en": "Old"}, "successor": "burnout"},
)
_ANSWERS = {
    "GET profiles/vocabulary/unknown": ok(
        {"names": [{"name": "karriere", "members": 3, "nearest": ["career-planning"]}]}
    ),
    "GET profiles/vocabulary/terms": _TERMS,
    "GET profiles/vocabulary/terms/career-planning": ok(_CAREER),
    "POST profiles/vocabulary/terms/career-planning/names": ok(_CAREER),
}


async def test_a_coordinator_sees_unknown_topics_and_how_many_people_write_them() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_ROLES) as site:
        text = text_of(await site.get("/topics"))
    assert "karriere Written by 3 people" in text


async def test_the_nearest_topics_are_offered_first_and_deprecated_ones_never() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_ROLES) as site:
        answer = await site.get("/topics/karriere")
        missing = await site.post("/topics/karriere", term="")
    assert answer.text.index('value="career-planning"') < answer.text.index('value="burnout"')
    assert 'value="old"' not in answer.text
    assert (missing.status_code, "Choose the topic that it means." in text_of(missing)) == (422, True)


async def test_the_chosen_meaning_is_added_to_the_institutions_own_names() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_ROLES) as site:
        answer = await site.post("/topics/karriere", term="career-planning")
    assert answer.headers["location"] == "/topics"
    assert services.sent("POST profiles/vocabulary/terms/career-planning/names") == {"name": "karriere"}


async def test_a_refusal_is_shown_at_the_form_and_an_unknown_name_is_not_found() -> None:
    refusal = problem(422, "term_invalid")
    answers = _ANSWERS | {"POST profiles/vocabulary/terms/career-planning/names": refusal}
    async with pages(FakeServices(answers), roles=_ROLES) as site:
        refused = await site.post("/topics/karriere", term="career-planning")
        assert refused.status_code == 422
        assert (await site.get("/topics/sepsis")).status_code == 404


def test_only_coordinators_of_the_whole_institution_have_the_page_in_their_menu() -> None:
    def has_page(*roles: str) -> bool:
        me = Principal(subject_hash="x", institution="st-anna", roles=frozenset(roles), programmes=frozenset({"care"}))
        return "/topics" in dict(menu(me, None))

    assert has_page("institution_coordinator")
    assert not has_page("coordinator")
