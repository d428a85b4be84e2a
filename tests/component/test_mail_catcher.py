"""The mail server of development shows what it was given, and nothing in a mail runs in the page."""

from email.message import EmailMessage

import aiosmtplib
import httpx

from deploy.mail_catcher import Caught, create_app
from deploy.stack.ports import HOST, free_ports


def mail(subject: str, html: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "mentoring@example.org", "mia@example.org", subject
    message.set_content("as text")
    message.add_alternative(html, subtype="html")
    return message


async def test_a_mail_is_listed_and_shown_without_running_what_is_in_it() -> None:
    (port,) = free_ports(1)
    app = create_app(Caught(), host=HOST, smtp_port=port)
    async with app.router.lifespan_context(app):
        for subject in ("first", "<script>alert(1)</script>"):
            await aiosmtplib.send(mail(subject, "<p>as HTML</p><script>alert(2)</script>"), hostname=HOST, port=port)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://catcher") as page:
            listed = (await page.get("/")).text
            assert listed.index("&lt;script&gt;") < listed.index("first")
            assert "<script>" not in listed
            shown = await page.get("/mails/2")
            assert "<script>" not in shown.text
            assert '<iframe sandbox src="/mails/2/html">' in shown.text
            html = await page.get("/mails/2/html")
            assert "<p>as HTML</p>" in html.text
            assert "script-src" not in html.headers["content-security-policy"]
            assert html.headers["content-security-policy"].startswith("default-src 'none'")
            assert (await page.get("/mails/2/text")).text.strip() == "as text"
            assert (await page.get("/mails/3")).status_code == 404
            assert [caught["subject"] for caught in (await page.get("/mails.json")).json()][1] == "first"
