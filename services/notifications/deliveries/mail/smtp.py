"""Gives mails to the mail server by SMTP, over a few connections that stay open. Every step has a time limit.

A server without STARTTLS is refused where STARTTLS is set: the library's default would send in the clear.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from services.notifications.deliveries.domain.outcomes import Result
from services.notifications.deliveries.mail.composing import POLICY
from services.notifications.settings import NotificationsSettings

_PERMANENT = 500
_NO_SUCH_ADDRESS = frozenset({550, 551, 553})
_MAX_MAILS_PER_CONNECTION = 100


class SmtpMailer:
    def __init__(self, settings: NotificationsSettings) -> None:
        self._settings = settings
        self._tls = ssl.create_default_context(cafile=settings.smtp_ca_file)
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(settings.smtp_connections)

    async def send(self, message: EmailMessage) -> Result:
        async with self._places:
            try:
                connection = await self._usable()
            except (SMTPException, OSError):  # nothing was sent: the delivery is tried again
                return "unavailable"
            async with self._kept_if_usable(connection):
                return await connection.send(message, seconds=self._settings.smtp_timeout_seconds)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @asynccontextmanager
    async def _kept_if_usable(self, connection: "_Connection") -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            connection.close()
            raise
        if connection.is_usable:
            self._idle.append(connection)
        else:
            connection.close()

    async def _usable(self) -> "_Connection":
        """A server may have closed a connection while it was idle."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return await self._connect()

    async def _connect(self) -> "_Connection":
        settings = self._settings
        client = SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            tls_context=self._tls,
            username=settings.smtp_username or None,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            timeout=settings.smtp_timeout_seconds,
        )
        try:
            async with asyncio.timeout(settings.smtp_timeout_seconds):  # for all steps together, as for a mail
                await client.connect()
        except BaseException:
            client.close()
            raise
        return _Connection(client)


class _Connection:
    def __init__(self, client: SMTP) -> None:
        self._client = client
        self._sent = 0

    @property
    def is_usable(self) -> bool:
        return self._client.is_connected and self._sent < _MAX_MAILS_PER_CONNECTION

    def close(self) -> None:
        self._client.close()

    async def send(self, message: EmailMessage, *, seconds: float) -> Result:
        self._sent += 1
        try:
            async with asyncio.timeout(seconds):  # for all steps together: a server may answer each one slowly
                await self._transmit(message)
        except SMTPRecipientsRefused as refused:
            return await self._refused(refused.recipients[0], is_recipient=True, seconds=seconds)
        except SMTPResponseException as refused:
            return await self._refused(refused, is_recipient=False, seconds=seconds)
        except ValueError:  # aiosmtplib refuses an address that it cannot write in SMTP
            return "address_invalid"
        except (SMTPException, OSError):  # time-outs and broken connections are both
            self.close()
            return "interrupted"
        return "accepted"

    async def _transmit(self, message: EmailMessage) -> None:
        sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
        is_ascii = f"{sender}{recipient}".isascii()
        if not is_ascii and not self._client.supports_extension("smtputf8"):
            raise ValueError("the server takes no address with letters outside of ASCII")
        options = [] if is_ascii else ["SMTPUTF8"]
        policy = POLICY if is_ascii else POLICY.clone(utf8=True)
        await self._client.sendmail(sender, [recipient], message.as_bytes(policy=policy), mail_options=options)

    async def _refused(self, refused: SMTPResponseException, *, is_recipient: bool, seconds: float) -> Result:
        try:
            async with asyncio.timeout(seconds):
                await self._client.rset()
        except (SMTPException, OSError):
            self.close()
        if refused.code < _PERMANENT:
            return "busy"
        is_policy = refused.message.startswith("5.7.")
        unknown = is_recipient and refused.code in _NO_SUCH_ADDRESS and not is_policy
        return "recipient_refused" if unknown else "message_refused"
