"""The web application's pages: no open redirect, no form without its token, nothing inline, everything escaped."""

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from services.web.app import page_routers
from services.web.languages import Languages
from services.web.pages.forms import PageRoute, form_of
from services.web.pages.headers import POLICY
from services.web.pages.rendering import STATIC, Templates, environment
from services.web.pages.visits import posted
from services.web.session.domain import Tokens, local_target

TEMPLATES = Path(__file__).parents[2] / "services" / "web" / "templates"
ROUTES = [route for router in page_routers() for route in router.routes if isinstance(route, APIRoute)]
WITHOUT_SIGN_IN = frozenset({"/certificates/check"})
"""Forms that change nothing and read nothing of a person."""


@pytest.mark.parametrize("path", ["/", "/mentors", "/programmes/first-friday?tab=members", "/a/b?x=//y"])
def test_a_path_of_ours_is_a_target_after_sign_in(path: str) -> None:
    assert local_target(path) == path


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"),
        *("/\t/evil.example", "/x\r\nset-cookie: a=b", "///evil.example", "evil.example", "", None, "/a\\b"),
        *("/sign-out", "/sign-in/development"),
    ],
)
def test_anything_else_leads_to_the_home_page(target: str | None) -> None:
    assert local_target(target) == "/"


def test_every_form_is_checked_for_the_token_of_its_session() -> None:
    posts = [route for route in ROUTES if "POST" in (route.methods or ()) and route.path not in WITHOUT_SIGN_IN]
    assert posts
    for route in posts:
        assert posted in {dependency.call for dependency in route.dependant.dependencies}, route.path


@pytest.mark.parametrize("part", ["..", ".", "a/b", "a?b", "a#b", "a%2fb", "ä", "a b", ""])
def test_a_part_of_an_address_that_becomes_one_of_a_service_can_only_be_an_id(part: str) -> None:
    looked_up = {"provider", "tag", "name", "key"}
    sent_on = [(route, each) for route in ROUTES for each in route.dependant.path_params if each.name not in looked_up]
    assert sent_on
    for route, parameter in sent_on:
        _, errors = parameter.validate(part, {}, loc=("path", parameter.name))
        assert errors, f"{parameter.name} in {route.path}"


@pytest.mark.parametrize(
    ("once", "version"), [("ü", '"1"'), ("a\nb", ""), ("", ""), ("k", '"1"\r\nx: y'), ("k" * 201, "")]
)
def test_hidden_fields_that_cannot_be_headers_are_a_forged_form(once: str, version: str) -> None:
    assert not form_of([("_once", once), ("_version", version)]).is_sendable
    assert form_of([("_once", "0190a8f0"), ("_version", 'W/"7"')]).is_sendable


@pytest.mark.parametrize(
    ("text", "number"), [(" 12 ", 12), ("٣", None), ("9" * 5_000, None), ("1.0", None), ("", None)]
)
def test_only_short_plain_digits_are_a_number(text: str, number: int | None) -> None:
    assert form_of([("n", text)]).number("n") == number


def test_every_form_has_a_page_at_its_address_to_come_back_to() -> None:
    pages = {route.path for route in ROUTES if "GET" in (route.methods or ())}
    assert {route.path for route in ROUTES if "POST" in (route.methods or ())} <= pages


def test_every_page_limits_what_it_reads() -> None:
    assert all(isinstance(route, PageRoute) for route in ROUTES)


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "default-src 'none'" in POLICY


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_a_template_has_no_inline_script_style_or_foreign_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"(src|href)=\"https?:", text)


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_a_form_that_is_posted_carries_its_token(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count('method="post"') == text.count("parts.hidden(")


def test_names_are_escaped() -> None:
    rendered = environment(Languages().texts_in("de")).from_string(
        "{% trans %}Hello {{ name }}{% endtrans %}{{ name }}"
    )
    assert "<script>" not in rendered.render(name="<script>alert(1)</script>")


def test_a_file_has_another_address_when_its_content_changes() -> None:
    addresses = Templates(Languages())._static
    assert re.fullmatch(r"/static/style\.css\?[0-9a-f]{12}", addresses["style.css"])


def test_the_first_page_s_files_are_small() -> None:
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 60_000


def test_a_form_keeps_what_was_typed_beside_its_errors() -> None:
    form = form_of([("topics", "a"), ("topics", "b"), ("_csrf", "secret"), ("story", "<b>")])
    wrong = form.with_errors({"story": "too short"})
    assert wrong.many("topics") == ["a", "b"]
    assert wrong.typed == (("topics", "a"), ("topics", "b"), ("story", "<b>"))


def test_tokens_are_renewed_before_they_expire() -> None:
    tokens = Tokens(provider="p", access="a", expires_at=1_000)
    assert not tokens.are_due(960)
    assert tokens.are_due(980)
