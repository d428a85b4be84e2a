"""A mail server for development that delivers nothing, and a page that shows what it was given. In memory only.

python -m deploy.mail_catcher [--host H] [--smtp-port P] [--port P]
"""

import argparse
import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from shared.errors import NotFound

_KEPT = 500
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "iframe{width:100%;height:40em}pre{white-space:pre-wrap}"
)


class Caught:
    """The last mails, by a number that rises."""

    def __init__(self) -> None:
        self._mails: deque[tuple[int, EmailMessage]] = deque(maxlen=_KEPT)
        self._count = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self._count += 1
        self._mails.append((self._count, message_from_bytes(content, policy=policy.default)))
        return "250 caught"

    def newest(self) -> list[tuple[int, EmailMessage]]:
        return list(reversed(self._mails))

    def find(self, number: int) -> EmailMessage:
        for caught, mail in self._mails:
            if caught == number:
                return mail
        raise NotFound("mail_not_found", "there is no mail with this number")


def create_app(caught: Caught, *, host: str, smtp_port: int) -> FastAPI:
    @asynccontextmanager
    async def listening(_app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: SMTP(caught, enable_SMTPUTF8=True, loop=loop), host, smtp_port):
            yield

    app = FastAPI(title="Mail catcher", lifespan=listening, openapi_url=None)

    @app.get("/health/live")
    @app.get("/health/ready")
    async def healthy() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/")
    async def list_mails() -> Response:
        rows = [
            f'<li><a href="/mails/{number}">{escape(str(mail["Subject"]))}</a><br>to {escape(str(mail["To"]))}, '
            f"{escape(str(mail['Date']))}</li>"
            for number, mail in caught.newest()
        ]
        return _page("Mail", f"<ol reversed>{''.join(rows)}</ol>" if rows else "<p>No mail yet.</p>")

    @app.get("/mails.json")
    async def as_json() -> list[dict[str, str]]:
        return [
            {"number": str(number), **{name.lower(): str(value) for name, value in mail.items()}}
            for number, mail in caught.newest()
        ]

    @app.get("/mails/{number}")
    async def show(number: int) -> Response:
        mail = caught.find(number)
        headers = "\n".join(f"{name}: {value}" for name, value in mail.items())
        content = (
            f'<p><a href="/">All mail</a></p><pre>{escape(headers)}</pre>'
            f'<iframe sandbox src="/mails/{number}/html"></iframe>'
            f"<h2>As text</h2><pre>{escape(_body(mail, 'plain'))}</pre>"
        )
        return _page(str(mail["Subject"]), content)

    @app.get("/mails/{number}/{kind}")
    async def body(number: int, kind: str) -> Response:
        mail = caught.find(number)
        return _html(_body(mail, "html")) if kind == "html" else PlainTextResponse(_body(mail, "plain"))

    @app.exception_handler(NotFound)
    async def unknown(_request: object, missing: NotFound) -> Response:
        return JSONResponse({"detail": missing.message}, 404)

    return app


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part else ""


def _page(title: str, content: str) -> Response:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return _html(f'<!doctype html><html lang="en">{head}<h1>{escape(title)}</h1>{content}</html>')


def _html(content: str) -> Response:
    return HTMLResponse(content, headers={"content-security-policy": _POLICY})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.mail_catcher")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--port", type=int, default=8025)
    given = parser.parse_args()
    app = create_app(Caught(), host=given.host, smtp_port=given.smtp_port)
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
