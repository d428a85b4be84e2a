"""Composes a mail from notifications: text and HTML from one template, and headers that no name can break.

Every value of a person is put on one line before it enters a header, and cannot begin an encoded word (RFC 2047): the
library decodes those before it writes a header, line breaks included (CVE-2024-6923).
"""

import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.deliveries.domain.kinds import page_of
from services.notifications.deliveries.mail.tokens import UnsubscribeTokens
from services.notifications.deliveries.mail.words import words_of
from services.notifications.deliveries.worker import Draft
from services.notifications.kernel.domain import CalendarUpdate
from services.notifications.preferences.domain.choices import MANDATORY
from services.notifications.wording import supported_locale
from shared.calendar_files import CalendarEntry, Invited, Method, calendar_of
from shared.invitation_codes import code_of

_NEVER_FOLDED = frozenset({"list-unsubscribe", "references", "in-reply-to"})
_BROKEN = re.compile(rb"[\r\n](?![ \t\n])")
"""A line break that does not continue the header."""


class MailPolicy(EmailPolicy):
    """As RFC 5322 asks, but addresses in angle brackets stay whole: the library would encode a long one as words.

    Raises `ValueError` for a header that would be written as two.
    """

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _NEVER_FOLDED:
            return f"{name}: {value}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        is_whole = name.lower() in _NEVER_FOLDED
        folded = self.fold(name, value).encode("ascii") if is_whole else super().fold_binary(name, value)
        if _BROKEN.search(folded.removesuffix(self.linesep.encode())):
            raise ValueError(f"the header {name} contains a line break")
        return folded


POLICY = MailPolicy(linesep="\r\n", cte_type="7bit")


class Composer:
    def __init__(
        self,
        *,
        sender: Address,
        web_url: str,
        public_url: str,
        tokens: UnsubscribeTokens,
        invitation_key: str = "",
    ) -> None:
        """`invitation_key`: from which the codes of invitations are derived; without it a link has none."""
        self._sender = sender
        self._web_url = web_url.rstrip("/")
        self._public_url = public_url.rstrip("/")
        self._tokens = tokens
        self._invitation_key = invitation_key
        self._template = ImmutableSandboxedEnvironment(
            loader=PackageLoader("services.notifications", "templates/mail"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        ).get_template("mail.jinja")

    def message_id(self, delivery: str) -> str:
        return f"<{delivery}@{self._sender.domain}>"

    def compose(self, draft: Draft, *, at: datetime) -> EmailMessage:
        """Raises `ValueError` for an address that cannot be in a header."""
        if not draft.address:  # erased a moment ago
            raise ValueError("there is no address")
        values = self._values(draft)
        message = EmailMessage(policy=POLICY)
        message["From"] = self._sender
        message["To"] = Address(display_name=_header_text(draft.name), addr_spec=draft.address)
        message["Subject"] = _header_text(values["subject"])
        message["Date"] = format_datetime(at)
        self._thread(message, draft)
        message["Auto-Submitted"] = "auto-generated"
        if values["unsubscribe_link"]:
            message["List-Unsubscribe"] = f"<{values['unsubscribe_link']}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._rendered("text", values).lstrip(), cte="quoted-printable")
        message.add_alternative(self._rendered("html", values).lstrip(), subtype="html", cte="quoted-printable")
        self._add_calendars(message, draft)
        return message

    def _add_calendars(self, message: EmailMessage, draft: Draft) -> None:
        """As iMIP has it (RFC 6047): an alternative of the text, so that calendar programs enter it at once. A digest,
        whose text has several matters, has them as attachments.
        """
        updates = [shown.calendar for shown in draft.messages if shown.calendar is not None]
        for update in updates:
            method: Method = "CANCEL" if update.is_cancelled else "REQUEST"
            content = calendar_of([_entry(update)], method=method, invited=self._invited(draft))
            kind: dict[str, Any] = {"maintype": "text", "subtype": "calendar", "cte": "base64"}
            parameters = {"method": method, "charset": "utf-8"}
            if len(draft.messages) == 1:
                message.add_alternative(content, params=parameters, **kind)
            else:
                message.add_attachment(content, params=parameters, filename="meetings.ics", **kind)

    def _invited(self, draft: Draft) -> Invited:
        return Invited(
            organizer=self._sender.addr_spec,
            organizer_name=self._sender.display_name,
            attendee=draft.address,
            attendee_name=_line(draft.name),
        )

    def _thread(self, message: EmailMessage, draft: Draft) -> None:
        message["Message-ID"] = self.message_id(draft.deliveries[0].id)
        if draft.first_of_matter is not None:
            message["In-Reply-To"] = self.message_id(draft.first_of_matter)
            message["References"] = self.message_id(draft.first_of_matter)

    def _values(self, draft: Draft) -> dict[str, Any]:
        locale = supported_locale(draft.locale)
        words = words_of(locale)
        first = draft.deliveries[0]
        items = [
            {
                "title": _line(message.title),
                "body": message.body,
                "action": words["actions"][delivery.template],
                "link": f"{self._web_url}{self._page(delivery)}",
            }
            for delivery, message in zip(draft.deliveries, draft.messages, strict=True)
        ]
        return {
            "locale": locale,
            "words": words,
            "name": _line(draft.name),
            "items": items,
            "why": words["why_invited"] if _is_invitation(first) else words["why"][first.category],
            "subject": _subject(items, words),
            "preferences_link": f"{self._web_url}/preferences",
            "unsubscribe_link": self._unsubscribe_link(draft, locale),
        }

    def _page(self, delivery: Delivery) -> str:
        """Of an invitation with its code, which is stored nowhere."""
        page = page_of(delivery.template, delivery.occasion)
        if _is_invitation(delivery) and self._invitation_key:
            return f"{page}?code={code_of(delivery.occasion.partition(':')[2], key=self._invitation_key)}"
        return page

    def _unsubscribe_link(self, draft: Draft, locale: str) -> str:
        first = draft.deliveries[0]
        if first.category in MANDATORY:
            return ""
        token = self._tokens.token(first.recipient, first.category)
        return f"{self._public_url}/unsubscribe/{token}?language={locale}"

    def _rendered(self, block: str, values: dict[str, Any]) -> str:
        return "".join(self._template.blocks[block](self._template.new_context(values)))


def _entry(update: CalendarUpdate) -> CalendarEntry:
    times = update.times
    return CalendarEntry(
        id=update.series,
        starts=times.starts,
        zone=times.zone,
        minutes=times.minutes,
        rule=times.rule,
        skipped=times.skipped,
        changes=times.changes,
        sequence=times.sequence,
        changed_at=update.at,
        summary=f"Mentoring: {update.other}" if update.other else "Mentoring",
        takes_place=not update.is_cancelled,
        is_open=not update.is_cancelled,
    )


def _is_invitation(delivery: Delivery) -> bool:
    return delivery.occasion.startswith("invitation:")


def _subject(items: Sequence[dict[str, str]], words: Any) -> str:
    first = items[0]["title"]
    if len(items) == 1:
        return first
    return str(words["digest_subject"]).format(count=len(items), first=first)


def _line(text: str) -> str:
    return " ".join(text.split())


def _header_text(text: str) -> str:
    return _line(text).replace("=?", "= ?")
