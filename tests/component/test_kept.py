"""What one test leaves in a shared service reaches no other test."""

from datetime import timedelta

import pytest

from deploy.issuer import LocalIssuer
from tests.component.mentorships_kit import MENTEE, PROGRAMME, MentorshipsService, serving


async def left_over(service: MentorshipsService) -> list[str]:
    names = await service.database.list_collection_names()
    return [name for name in names if await service.database[name].find_one({}) is not None]


async def test_the_next_test_finds_no_document_no_later_time_and_the_same_indexes(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as first:
        indexes = await first.database["mentorships"].index_information()
        await first.knows(MENTEE)
        await first.opened()
        first.clock.ahead = timedelta(days=400)
        await first.database.command("profile", 2)
        assert (await first.get(MENTEE, "/me/tasks")).status_code == 200
        assert {"mentorships", "outbox", "system.profile"} <= set(await left_over(first))
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as second:
        assert second.database.name == first.database.name
        assert (await left_over(second), second.clock.ahead) == ([], timedelta())
        assert (await second.database.command("profile", -1))["was"] == 0
        assert await second.database["mentorships"].index_information() == indexes


async def test_two_that_borrow_at_once_share_nothing(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> None:
    async with (
        serving(mongo_uri, kafka_bootstrap, issuer, "api") as first,
        serving(mongo_uri, kafka_bootstrap, issuer, "api") as second,
    ):
        await first.knows_programme()
        assert first.http.base_url != second.http.base_url
        assert await second.database["programmes"].find_one({"_id": PROGRAMME}) is None


async def test_a_service_whose_borrower_failed_is_not_lent_again(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as failed:
            _ = 1 / 0
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as next_:
        assert next_.database.name != failed.database.name
