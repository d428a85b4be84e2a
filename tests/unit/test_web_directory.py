"""The directory of mentors: names only where profiles shows them, and words for what the search cannot do."""

from typing import Any

from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_LIST: dict[str, Any] = {
    "programme": "care",
    "mentee": "m1",
    "as_of": "2026-12-01T09:00:00Z",
    "items": [],
    "withdrawn": 0,
}
_CARD = {
    "stage": "attending",
    "specialty": "cardiology",
    "topics": ["research"],
    "languages": ["en"],
    "formats": ["video"],
}
_NEAR = {
    "mentor": "a",
    "institution": "st-anna",
    "match": 90,
    "factors": {"topics": 100},
    "card": {"named": True, **_CARD},
}
_FAR = {"mentor": "b", "institution": "south", "match": 40, "factors": {"topics": 0}, "card": {"named": False, **_CARD}}
_ANSWERS = {
    "GET matching/me/suggestions": ok([_LIST]),
    "GET matching/me/requests": page_of(),
    "GET matching/me/mentors": page_of(_NEAR, _FAR),
    "GET profiles/programmes": page_of(),
    "GET profiles/cards": page_of({"id": "a", "institution": "st-anna", "relation": "suggested", "name": "Amara"}),
}


async def test_a_name_is_shown_only_where_profiles_shows_it() -> None:
    async with pages(FakeServices(_ANSWERS)) as site:
        shown = text_of(await site.get("/directory?topic=Research"))
    assert "Amara Attending physician · cardiology · 90 % fit" in shown
    assert "A mentor at south" in shown
    assert "Offers topics that you want" in shown


async def test_without_profiles_the_directory_shows_cards_without_names() -> None:
    async with pages(FakeServices(_ANSWERS, down=frozenset({"profiles"}))) as site:
        answer = await site.get("/directory")
    assert answer.status_code == 200
    assert "A mentor at st-anna" in text_of(answer)


async def test_a_search_that_finds_too_many_keeps_what_was_typed() -> None:
    answers = {**_ANSWERS, "GET matching/me/mentors": problem(422, "search_too_broad")}
    async with pages(FakeServices(answers), language="de") as site:
        answer = await site.get("/directory?topic=research")
    assert answer.status_code == 422
    assert 'value="research"' in answer.text
    assert "an English sentence" not in answer.text


async def test_a_paused_profile_is_explained() -> None:
    answers = {**_ANSWERS, "GET matching/me/mentors": problem(409, "paused")}
    async with pages(FakeServices(answers)) as site:
        assert "The profile is paused." in text_of(await site.get("/directory"))


async def test_a_name_is_searched_at_the_own_institution_and_limited_to_whom_the_reader_may_ask() -> None:
    named = {"items": [{"id": "a", "name": "Amara Nah"}, {"id": "full", "name": "Amara Voll"}]}
    services = FakeServices({**_ANSWERS, "GET profiles/me/mentors": ok(named), "GET profiles/cards": page_of()})
    async with pages(services) as site:
        shown = text_of(await site.get("/directory?name=ama"))
    assert "Amara Nah" in shown
    assert "Amara Voll" not in shown


async def test_a_name_without_a_match_asks_matching_for_no_mentor() -> None:
    services = FakeServices({**_ANSWERS, "GET profiles/me/mentors": ok({"items": []})})
    async with pages(services) as site:
        assert "Nobody was found." in text_of(await site.get("/directory?name=zzz"))
    assert not services.has_received("GET matching/me/mentors")
