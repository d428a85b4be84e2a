"""Every notification has a mail in every language: what happened, what is next, one link; `./dev mails` shows them."""

import re
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from deploy.mails import composed, invited, mails, write_pages
from services.notifications import wording
from services.notifications.deliveries.domain.deliveries import Reason
from services.notifications.deliveries.domain.kinds import KINDS, page_of
from services.notifications.deliveries.mail.composing import POLICY
from services.notifications.deliveries.mail.words import words_of
from services.notifications.preferences.domain import choices
from services.notifications.wording import LOCALES
from shared.invitation_codes import code_of

TEMPLATES = Path(wording.__file__).parent / "templates"


@cache
def rendered() -> Sequence[tuple[str, str, str, EmailMessage]]:
    return tuple(mails())


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("locale", LOCALES)
def test_every_notification_has_a_kind_of_mail_and_words_for_its_link(locale: str) -> None:
    templates = {file.stem for file in (TEMPLATES / locale).glob("*.txt")} - {"words"}
    assert templates == KINDS.keys()
    assert words_of(locale)["actions"].keys() == KINDS.keys()
    assert words_of(locale)["why"].keys() == set(choices.CATEGORIES)


def test_every_language_has_the_same_words() -> None:
    def keys(words: object) -> object:
        return {name: keys(value) for name, value in words.items()} if isinstance(words, dict) else None

    assert [keys(words_of(locale)) == keys(words_of("en")) for locale in LOCALES] == [True] * len(LOCALES)


def test_every_reason_has_a_sentence() -> None:
    assert words_of("en")["reasons"].keys() == set(get_args(Reason))


@pytest.mark.parametrize("locale", LOCALES)
def test_every_mail_says_what_happened_and_links_to_one_page(locale: str) -> None:
    for language, template, case, mail in rendered():
        if language != locale or case == "daily digest":
            continue
        where = f"{locale} {template} {case}"
        page = Page(body(mail, "html"))
        pages = {link for link in page.links if link.startswith("https://preceptor.example")}
        assert pages == {
            f"https://preceptor.example{page_of(template, 'sample')}",
            "https://preceptor.example/preferences",
        }, where
        assert page.tags & {"script", "style", "link", "img", "iframe"} == set(), where
        text = body(mail, "plain")
        assert str(mail["Subject"]) in text, where
        assert words_of(locale)["actions"][template] in text, where
        assert "None" not in text, where


def test_only_mail_that_can_be_turned_off_has_a_link_that_does_so() -> None:
    for _, template, _, mail in rendered():
        is_mandatory = KINDS[template].category in choices.MANDATORY
        assert (mail["List-Unsubscribe"] is None) == is_mandatory
        assert ("/unsubscribe/" in body(mail, "plain")) == (not is_mandatory)


def test_long_links_and_ids_reach_the_wire_unbroken() -> None:
    for _, _, _, mail in rendered():
        lines = mail.as_bytes().split(b"\r\n")
        assert all(len(line) <= 998 for line in lines)
        if mail["List-Unsubscribe"]:
            [header] = [line for line in lines if line.startswith(b"List-Unsubscribe:")]
            assert header.startswith(b"List-Unsubscribe: <https://")
            assert header.endswith(b">")


HOSTILE = [
    "=?utf-8?q?Mia=0D=0ABcc:_everybody=40example.org?=",
    "=?utf-8?b?DQoNCjxoMT5CdXkhPC9oMT4=?= Mia",
    "Mia\r\nBcc: everybody@example.org",
    'Mia" <everybody@example.org>, "',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_adds_no_header_address_or_text_before_the_body(name: str) -> None:
    mail = composed(name=name, title=f"{name} asks you")
    head, _, _ = mail.as_bytes().partition(b"\r\n\r\n")
    read = message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert [field.partition(b":")[0] for field in re.split(rb"\r\n(?![ \t])", head)] == [key.encode() for key in mail]
    assert [address.addr_spec for address in read["To"].addresses] == ["mia@north.example"]
    assert len(str(read["Subject"]).splitlines()) == 1


def test_a_header_that_would_be_written_as_two_is_not_written() -> None:
    message = EmailMessage(policy=POLICY)
    message["Subject"] = HOSTILE[0]
    with pytest.raises(ValueError, match="Subject contains a line break"):
        message.as_bytes()


def test_a_mail_without_an_address_is_refused_as_a_wrong_address() -> None:
    with pytest.raises(ValueError, match="no address"):
        composed(name="", address="")


def test_the_page_of_all_mails_shows_each(tmp_path: Path) -> None:
    page = write_pages(tmp_path).read_text(encoding="utf-8")
    assert page.count("<iframe") == len(rendered())


def test_a_mail_links_to_what_it_is_about() -> None:
    assert page_of("relationship-opened", "relationship:care:r-1") == "/mentorships/r-1"
    assert page_of("meeting-reminded", "meeting:care:s-1") == "/meetings/s-1"
    assert page_of("request-made", "request:care:q-1") == "/asks/q-1"
    assert page_of("suggestions-changed", "suggestions:care:own_change") == "/mentors"


def test_an_invitation_links_to_its_acceptance_with_a_code_that_only_the_key_gives() -> None:
    key = "a key of tests that is long enough"
    mail = invited(key)
    link = f"/invitation?code={code_of('i-1', key=key)}"
    assert link in body(mail, "plain")
    assert link in body(mail, "html")
    assert "coordinator of your institution invites you" in body(mail, "plain")
    assert "/invitation?code" not in body(invited(""), "plain")
