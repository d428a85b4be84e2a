"""The command `./dev mails`: renders every mail in every language, with sample data, for proofreading.

The text is printed; the same mails as HTML are written to `.dev/mails/`, with a page that shows them all.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from html import escape
from pathlib import Path

from deploy import texts
from services.notifications.deliveries.domain.deliveries import Addressee, Delivery, plan
from services.notifications.deliveries.mail.composing import Composer
from services.notifications.deliveries.mail.tokens import UnsubscribeTokens
from services.notifications.deliveries.worker import Draft
from services.notifications.kernel.domain import Change, Hint, Message, PendingNotification, Recipient
from services.notifications.preferences.domain.choices import Policy, Preferences
from services.notifications.projections.repository import zone_of
from services.notifications.wording import LOCALES

_AT = datetime(2027, 1, 4, 9, tzinfo=UTC)
_NAMES = {"en": "Mia Miller", "de": "Mia Müller"}


def mails() -> Iterator[tuple[str, str, str, EmailMessage]]:
    """Language, template, case and mail: every notification alone, and a digest of two."""
    composer = _composer()
    for locale in LOCALES:
        lists = []
        for template, case, change in texts.changes(locale):
            delivery, text = _delivery(change), texts.message(change, locale)
            yield locale, template, case, composer.compose(_draft(locale, (delivery, text)), at=_AT)
            if template == "suggestions-changed":
                lists.append((delivery, text))
        yield locale, "suggestions-changed", "daily digest", composer.compose(_draft(locale, *lists[:2]), at=_AT)


def composed(*, name: str, address: str = "mia@north.example", title: str = "Sample") -> EmailMessage:
    """A mail to a person with this name and address, of a notification with this title."""
    _, _, change = next(iter(texts.changes("en")))
    draft = _draft("en", (_delivery(change), Message(title=title, body="")))
    return _composer().compose(replace(draft, name=name, address=address), at=_AT)


def invited(key: str) -> EmailMessage:
    """The mail of the invitation `i-1`, with the key from which its code is derived."""
    change = Hint(template="member-invited", programme="")
    draft = _draft("en", (_delivery(change, occasion="invitation:i-1"), texts.message(change, "en")))
    return _composer(invitation_key=key).compose(draft, at=_AT)


def write_pages(folder: Path) -> Path:
    """Writes the mails as HTML, and a page of all of them; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, (locale, template, case, mail) in enumerate(mails(), 1):
        html = mail.get_body(("html",))
        file = folder / f"{number:03}-{locale}-{template}.html"
        file.write_text(html.get_content() if html else "", encoding="utf-8")
        title = escape(f"{locale} {template} {case}: {mail['Subject']}")
        shown.append(f'<h2>{title}</h2><iframe src="{file.name}" style="width:100%;height:26em"></iframe>')
    page = folder / "index.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><title>mails</title>{"".join(shown)}', encoding="utf-8")
    return page


def _composer(*, invitation_key: str = "") -> Composer:
    return Composer(
        sender=Address("Preceptor", addr_spec="mentoring@preceptor.example"),
        web_url="https://preceptor.example",
        public_url="https://notifications.preceptor.example",
        tokens=UnsubscribeTokens("a secret of samples, which signs nothing that is sent"),
        invitation_key=invitation_key,
    )


def _delivery(change: Change, *, occasion: str = "sample:sample") -> Delivery:
    recipient = Recipient(institution="north", member="mia")
    return plan(
        PendingNotification(recipient=recipient, occasion=occasion, change=change),
        Addressee(zone=zone_of(None), preferences=Preferences(), policy=Policy()),
        id="0190a8f0-2f6b-7c2e-9d3a-5b8e4f1c7a10",
        notification="sample",
        position=1,
        has_mail_server=True,
        now=_AT,
    )


def _draft(locale: str, *parts: tuple[Delivery, Message]) -> Draft:
    return Draft(
        deliveries=[delivery for delivery, _ in parts],
        messages=[text for _, text in parts],
        name=_NAMES[locale],
        address="mia@north.example",
        locale=locale,
        first_of_matter=None,
    )
