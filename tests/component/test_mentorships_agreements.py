"""The agreement of two people over HTTP: drafted, changed, signed by both, compared, printed; read by no other."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.agreements.domain import agreements as domain
from services.mentorships.agreements.repository.agreements import MongoAgreements
from services.mentorships.kernel.due import DueWorker
from services.mentorships.privacy.repository import MongoErasures
from services.mentorships.slices import FORGET
from shared.contracts.matching import RelationshipClosed, RelationshipPaused, RelationshipResumed
from shared.contracts.payload import Recipient
from shared.contracts.profiles import MemberErased
from tests.component.mentorships_kit import (
    MENTEE,
    MENTOR,
    NORTH,
    PROGRAMME,
    SOUTH,
    MentorshipsService,
    about,
    serving,
)

STRANGER = Recipient(member="sue", institution=SOUTH)
COORDINATOR = Recipient(member="cora", institution=NORTH)
PRINCIPLES = "Be kind; <b>be honest</b>."
SECRET = "A paper on sleep."


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, STRANGER):
            await running.knows(person)
        await running.knows(MENTOR, principles=PRINCIPLES)
        await running.knows_programme()
        yield running


def terms(service: MentorshipsService, **changed: Any) -> dict[str, Any]:
    review_on = (service.clock.now() + timedelta(days=60)).date().isoformat()
    return {"interval_days": 14, "length_months": 6, "review_on": review_on, **changed}


async def draft(service: MentorshipsService, id: str, by: Recipient = MENTEE) -> httpx.Response:
    drafted = await service.post(by, f"/mentorships/{id}/agreement/draft", {})
    assert drafted.status_code == 201, drafted.text
    return drafted


async def propose(
    service: MentorshipsService, id: str, by: Recipient, *, known: str, goals: str = SECRET, **changed: Any
) -> httpx.Response:
    body = {"clauses": {"goals": goals}, "terms": terms(service, **changed)}
    headers = service.headers(by) | {"If-Match": known}
    return await service.http.post(f"/mentorships/{id}/agreement/versions", json=body, headers=headers)


async def sign(service: MentorshipsService, id: str, by: Recipient, number: int) -> httpx.Response:
    return await service.post(by, f"/mentorships/{id}/agreement/versions/{number}/sign")


async def erase(service: MentorshipsService, person: Recipient) -> None:
    erased = MemberErased(
        member=person.member,
        institution=person.institution,
        erasure=service.clock.new_id(),
        members_sequence=1_000,
        preferences_sequence=1_000,
        contacts_sequence=1_000,
        mentoring_sequence=1_000,
    )
    erasures = MongoErasures(service.database, service.clock, forget=FORGET)
    assert await erasures.fold_erasures([service.received(erased)]) == []


async def agreed(service: MentorshipsService) -> str:
    id = await service.opened()
    await draft(service, id)
    for person in (MENTEE, MENTOR):
        signed = await sign(service, id, person, 1)
        assert signed.status_code == 200, signed.text
    return id


async def test_a_draft_that_both_sign_makes_the_introduction_active(service: MentorshipsService) -> None:
    id = await service.opened()
    empty = await service.get(MENTOR, f"/mentorships/{id}/agreement")
    assert (empty.json(), empty.headers["etag"]) == ({"mentorship": id, "state": "none", "possible": ["draft"]}, '"0"')
    proposal = (await draft(service, id)).json()["proposal"]
    assert proposal["clauses"]["principles"] == PRINCIPLES
    assert "confidentiality" in proposal["clauses"]
    assert (await sign(service, id, MENTEE, 1)).json()["state"] == "proposed"
    assert (await service.get(MENTEE, f"/mentorships/{id}")).json()["state"] == "introduction"
    both = (await sign(service, id, MENTOR, 1)).json()
    assert (both["state"], both["in_force"]["number"], both.get("proposal")) == ("in_force", 1, None)
    mentorship = (await service.get(MENTEE, f"/mentorships/{id}")).json()
    assert mentorship["state"] == "active"
    assert mentorship["ends_at"] > (service.clock.now() + timedelta(days=360)).isoformat()
    assert await service.published() == [
        *("mentorship.began", "agreement.proposed", "agreement.signed", "agreement.in_force"),
        "mentorship.activated",
    ]


async def test_a_change_is_in_force_when_both_have_signed_it(service: MentorshipsService) -> None:
    id = await agreed(service)
    known = (await service.get(MENTOR, f"/mentorships/{id}/agreement")).headers["etag"]
    changed = (await propose(service, id, MENTOR, known=known, starts_again=True)).json()
    assert (changed["in_force"]["number"], changed["proposal"]["number"]) == (1, 2)
    assert changed["proposal"]["changes"] == ["goals", "interval_days", "length_months", "review_on", "starts_again"]
    older = await sign(service, id, MENTEE, 1)
    assert (older.status_code, older.json()["type"]) == (409, "urn:preceptor:problem:agreement_version_replaced")
    assert "read version 2" in older.json()["detail"]
    await sign(service, id, MENTOR, 2)
    assert (await sign(service, id, MENTEE, 2)).json()["in_force"]["number"] == 2
    stored = await service.database["mentorships"].find_one({"_id": id})
    assert stored is not None
    assert stored["interval_days"] == 14
    versions = (await service.get(MENTEE, f"/mentorships/{id}/agreement/versions")).json()["items"]
    assert [version["number"] for version in versions] == [2, 1]
    assert (await service.get(MENTEE, f"/mentorships/{id}/agreement/versions/3")).status_code == 404


async def test_who_proposes_on_an_older_version_reads_what_changed(service: MentorshipsService) -> None:
    id = await service.opened()
    known = (await draft(service, id)).headers["etag"]
    assert (await propose(service, id, MENTEE, known=known)).status_code == 201
    stale = await propose(service, id, MENTOR, known=known, goals="Another.")
    assert stale.status_code == 412
    assert "version 2 by the mentee (goals," in stale.json()["detail"]
    assert SECRET not in stale.text
    body = {"clauses": {"goals": "Another."}, "terms": terms(service)}
    without = await service.post(MENTEE, f"/mentorships/{id}/agreement/versions", body)
    assert without.status_code == 428


async def test_both_sign_at_once_and_both_signatures_count(service: MentorshipsService) -> None:
    id = await service.opened()
    await draft(service, id)
    answers = await asyncio.gather(*(sign(service, id, person, 1) for person in (MENTEE, MENTOR) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await service.get(MENTEE, f"/mentorships/{id}")).json()["state"] == "active"
    published = await service.published()
    assert [published.count(name) for name in ("agreement.signed", "agreement.in_force")] == [1, 1]


async def test_both_draft_and_propose_at_once_and_one_wins(service: MentorshipsService) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/agreement"
    drafts = await asyncio.gather(*(service.post(person, f"{path}/draft", {}) for person in (MENTEE, MENTOR)))
    assert sorted(answer.status_code for answer in drafts) == [201, 409]
    proposals = await asyncio.gather(
        *(propose(service, id, person, known='"1"', goals=person.member) for person in (MENTEE, MENTOR))
    )
    assert sorted(answer.status_code for answer in proposals) == [201, 412]
    assert len((await service.get(MENTEE, f"{path}/versions")).json()["items"]) == 2


async def test_only_the_two_read_or_change_an_agreement(service: MentorshipsService) -> None:
    id = await agreed(service)
    path = f"/mentorships/{id}/agreement"
    coordinator = service.headers(COORDINATOR, roles=["institution_coordinator"])
    both = service.headers(STRANGER, roles=["member", "institution_coordinator"])
    reads = ("", "/versions", "/versions/1", "/versions/1/page", "/diff?before=1&after=1")
    for headers, status in ((service.headers(STRANGER), 404), (coordinator, 403), (both, 404)):
        for read in reads:
            assert (await service.http.get(path + read, headers=headers)).status_code == status, read
        for act in ("/draft", "/versions/1/sign", "/versions"):
            body = {"clauses": {}, "terms": terms(service)} if act == "/versions" else {} if act == "/draft" else None
            sent = headers | {"If-Match": '"3"', "Idempotency-Key": service.clock.new_id()}
            assert (await service.http.post(path + act, json=body, headers=sent)).status_code == status, act


async def test_a_proposal_is_withdrawn_by_its_proposer_and_the_version_in_force_stays(
    service: MentorshipsService,
) -> None:
    id = await agreed(service)
    path = f"/mentorships/{id}/agreement"
    known = (await service.get(MENTOR, path)).headers["etag"]
    await propose(service, id, MENTOR, known=known)
    refused = await service.post(MENTEE, f"{path}/versions/2/withdraw")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:preceptor:problem:other_proposal")
    withdrawn = await service.post(MENTOR, f"{path}/versions/2/withdraw")
    assert withdrawn.status_code == 200, withdrawn.text
    assert (withdrawn.json()["state"], withdrawn.json()["in_force"]["number"]) == ("in_force", 1)
    late = await sign(service, id, MENTEE, 2)
    assert (late.status_code, late.json()["type"]) == (409, "urn:preceptor:problem:agreement_version_withdrawn")
    again = await propose(service, id, MENTEE, known=withdrawn.headers["etag"], goals="Another goal.")
    assert again.json()["proposal"]["number"] == 3, again.text
    assert (await service.published())[-2:] == ["agreement.withdrawn", "agreement.proposed"]


async def test_both_are_reminded_of_the_review_date_once_and_not_during_a_pause(service: MentorshipsService) -> None:
    id = await agreed(service)
    agreements = MongoAgreements(service.database, service.clock, service.mentorships)
    due = DueWorker(agreements, domain.pass_time, service.clock)
    await service.hears(RelationshipPaused(reason="by_mentee", **about(id)))
    service.clock.ahead += timedelta(days=200)
    await due.work()
    assert "agreement.review_due" not in await service.published()
    await service.hears(RelationshipResumed(**about(id)))
    await asyncio.gather(due.work(), due.work())
    await due.work()
    assert (await service.published()).count("agreement.review_due") == 1


async def test_nothing_is_signed_after_the_end(service: MentorshipsService) -> None:
    id = await service.opened()
    known = (await draft(service, id)).headers["etag"]
    await sign(service, id, MENTEE, 1)
    await service.hears(RelationshipClosed(reason="no_time", **about(id)))
    for refused in (await sign(service, id, MENTOR, 1), await propose(service, id, MENTOR, known=known)):
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:mentorship_ended")
        assert "possible: nothing more" in refused.json()["detail"]
    assert (await service.get(MENTOR, f"/mentorships/{id}/agreement")).json()["state"] == "proposed"


async def test_two_versions_are_compared_by_clause_and_word(service: MentorshipsService) -> None:
    id = await service.opened()
    known = (await draft(service, id)).headers["etag"]
    known = (await propose(service, id, MENTEE, known=known, goals="One paper this year.")).headers["etag"]
    await propose(service, id, MENTOR, known=known, goals="Two papers this year.")
    path = f"/mentorships/{id}/agreement/diff"
    found = (await service.get(MENTOR, path, before=2, after=3)).json()
    [goals] = found["clauses"]
    assert [(piece["kind"], piece["text"]) for piece in goals["pieces"]] == [
        *(("removed", "One"), ("added", "Two"), ("same", " "), ("removed", "paper"), ("added", "papers")),
        ("same", " this year."),
    ]
    assert (await service.get(MENTOR, path, before=2, after=9)).status_code == 404


async def test_the_printable_page_escapes_every_text_and_allows_nothing_but_its_style(
    service: MentorshipsService,
) -> None:
    await service.knows(MENTEE, name="Mia <script>alert(1)</script>")
    id = await agreed(service)
    path = f"/mentorships/{id}/agreement/versions/1/page"
    page = await service.get(MENTEE, path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert "Be kind; &lt;b&gt;be honest&lt;/b&gt;." in page.text
    assert "in force since" in page.text
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; "
        r"frame-ancestors 'none'",
        page.headers["content-security-policy"],
    )
    german = await service.get(MENTOR, path, language="de")
    assert "Mentoring-Vereinbarung" in german.text
    assert '<html lang="de">' in german.text


async def test_a_coordinator_of_the_owner_sets_the_template_of_later_drafts(service: MentorshipsService) -> None:
    path = f"/programmes/{PROGRAMME}/agreement-template"
    headers = service.headers(COORDINATOR, roles=["institution_coordinator"])
    seen = await service.http.get(path, headers=headers)
    assert set(seen.json()["texts"]) == {"en", "de"}
    names = ("goals", "meetings", "confidentiality", "ending", "disputes", "review")
    own = {"interval_days": 7, "length_months": 24, "review_months": 6, "texts": {"de": dict.fromkeys(names, "Kurz.")}}
    changed = await service.http.put(path, json=own, headers=headers | {"If-Match": seen.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"1"'), changed.text
    stale = await service.http.put(path, json=own, headers=headers | {"If-Match": '"0"'})
    assert stale.status_code == 412
    foreign = service.headers(Recipient(member="con", institution=SOUTH), roles=["institution_coordinator"])
    assert (await service.http.put(path, json=own, headers=foreign | {"If-Match": '"1"'})).status_code == 403
    assert (await service.http.get(path, headers=foreign)).json() == changed.json()
    proposal = (await draft(service, await service.opened())).json()["proposal"]
    assert (proposal["language"], proposal["clauses"]["goals"], proposal["terms"]["interval_days"]) == (
        "de",
        "Kurz.",
        7,
    )


async def test_a_reverse_mentorship_is_named_on_both_while_it_is_open(service: MentorshipsService) -> None:
    first = await service.opened()
    assert "reverse" not in (await service.get(MENTEE, f"/mentorships/{first}/agreement")).json()
    second = await service.opened(mentee=MENTOR, mentor=MENTEE)
    for id, other in ((first, second), (second, first)):
        assert (await service.get(MENTEE, f"/mentorships/{id}/agreement")).json()["reverse"] == other
    await service.post(MENTEE, f"/mentorships/{second}/leave")
    assert "reverse" not in (await service.get(MENTEE, f"/mentorships/{first}/agreement")).json()


async def test_an_erased_members_words_are_deleted_and_their_signatures_stay(service: MentorshipsService) -> None:
    id = await agreed(service)
    known = (await service.get(MENTOR, f"/mentorships/{id}/agreement")).headers["etag"]
    known = (await propose(service, id, MENTEE, known=known, goals="The mentee's words.")).headers["etag"]
    await propose(service, id, MENTOR, known=known, goals="The mentor's words.")
    await erase(service, MENTOR)
    stored = str(await service.database["agreement_texts"].find({}).to_list(None))
    assert "The mentee's words." in stored
    assert "The mentor's words." not in stored
    assert PRINCIPLES not in stored
    seen = (await service.get(MENTEE, f"/mentorships/{id}/agreement")).json()
    assert "principles" not in seen["in_force"]["clauses"]
    assert "mentor_signed_at" in seen["in_force"]


async def test_after_an_erasure_no_text_is_added_about_the_member(service: MentorshipsService) -> None:
    first, second = await service.opened(), await service.opened()
    known = (await draft(service, first)).headers["etag"]
    await erase(service, MENTOR)
    drafted = await service.post(MENTEE, f"/mentorships/{second}/agreement/draft", {})
    for refused in (drafted, await propose(service, first, MENTEE, known=known)):
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    assert await service.database["agreement_texts"].count_documents({}) == 1


async def test_an_erasure_beside_a_draft_leaves_no_words_of_the_member(service: MentorshipsService) -> None:
    for at in range(5):
        mentor = Recipient(member=f"mentor-{at}", institution=SOUTH)
        await service.knows(mentor, principles=PRINCIPLES)
        path = f"/mentorships/{await service.opened(mentor=mentor)}/agreement/draft"
        _, drafted = await asyncio.gather(erase(service, mentor), service.post(MENTEE, path, {}))
        assert drafted.status_code in (201, 409), drafted.text
        assert PRINCIPLES not in str(await service.database["agreement_texts"].find({}).to_list(None))


async def test_a_text_is_in_no_event(service: MentorshipsService) -> None:
    id = await service.opened()
    known = (await draft(service, id)).headers["etag"]
    await propose(service, id, MENTEE, known=known)
    rows = str(await service.database["outbox"].find({}).to_list(None))
    assert SECRET not in rows
    assert PRINCIPLES not in rows


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"clauses": {"goals": "x" * 5_001}}, "clauses.goals"),
        ({"clauses": {"goals": "right-to-left \u202e"}}, "clauses.goals"),
        ({"clauses": {"goals": "NUL \x00"}}, "clauses.goals"),
        ({"clauses": {"salary": "none"}}, "clauses.salary"),
        ({"terms": {"length_months": 25}}, "terms.length_months"),
        ({"terms": {"length_months": 0}}, "terms.length_months"),
        ({"terms": {"interval_days": 0}}, "terms.interval_days"),
        ({"terms": {"review_on": "2027-02-31"}}, "terms.review_on"),
        ({"terms": {"review_on": "1999-01-01"}}, "review_on"),
    ],
)
async def test_a_bad_value_is_named(service: MentorshipsService, change: dict[str, Any], field: str) -> None:
    id = await service.opened()
    known = (await draft(service, id)).headers["etag"]
    body = {"clauses": change.get("clauses", {}), "terms": terms(service, **change.get("terms", {}))}
    headers = service.headers(MENTEE) | {"If-Match": known}
    refused = await service.http.post(f"/mentorships/{id}/agreement/versions", json=body, headers=headers)
    assert refused.status_code == 422, refused.text
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_a_member_exports_what_they_wrote_and_nothing_that_the_other_wrote(service: MentorshipsService) -> None:
    id = await agreed(service)
    known = (await service.get(MENTOR, f"/mentorships/{id}/agreement")).headers["etag"]
    await propose(service, id, MENTEE, known=known)
    mine = (await service.get(MENTEE, "/me/export")).json()
    assert [item["id"] for item in mine["mentorships"]] == [id]
    assert [(version["number"], version["clauses"]) for version in mine["agreements"]] == [
        (1, {}),
        (2, {"goals": SECRET}),
    ]
    others = (await service.get(MENTOR, "/me/export")).json()
    assert others["agreements"][1]["clauses"] == {"principles": PRINCIPLES}
    nothing = (await service.get(STRANGER, "/me/export")).json()
    assert {name for name, documents in nothing.items() if documents} == {"profile"}
