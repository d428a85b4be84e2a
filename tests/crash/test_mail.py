"""A process is killed after the mail server took a mail and before that is recorded: the mail is sent again, once."""

from collections import Counter

import pytest

from tests.component.mail_server import MailServer, mail_server
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION, TOPICS
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(300)
_MAILS = 4
_SUBJECT = "Your coordinator asked for your profile to be erased"
_KILLED_AT = "notifications.mail.after-send:2"


def mailing(server: MailServer) -> dict[str, str]:
    settings = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_SECURITY": "none",
        "SMTP_TIMEOUT_SECONDS": "3",  # a server that answers too late would get a mail twice as well
        "SMTP_CONNECTIONS": "1",
        "MAIL_PER_MINUTE": "60",  # one a second, and so one at a time: the mails claimed beside it would come again too
        "MAIL_FROM": "mentoring@preceptor.example",
        "WEB_URL": "http://web.example",
        "PUBLIC_URL": "http://notifications.example",
        "UNSUBSCRIBE_KEY": "a key of crash tests that is long enough",
    }
    return {f"NOTIFICATIONS_{name}": value for name, value in settings.items()}


async def sent(site: CrashSite, members: list[str]) -> bool:
    wanted = {"member": {"$in": members}, "category": "account", "state": "sent"}
    return await site.databases["notifications"]["deliveries"].count_documents(wanted) == len(members)


async def test_a_mail_whose_sender_is_killed_before_recording_it_is_sent_again_and_no_other(crashes: CrashSite) -> None:
    coordinator = crashes.world.api.coordinator(INSTITUTION)
    members = [await crashes.world.join(TOPICS[n % 2]) for n in range(_MAILS)]
    with mail_server() as server:
        async with crashes.cluster.configured("notifications", **mailing(server)):
            armed = await crashes.cluster.restart("notifications", failpoint=_KILLED_AT)
            await armed.ready()
            asked = [await coordinator.post("profiles", f"/members/{member}/erasure") for member in members]
            await armed.killed(within=60)
            await crashes.cluster.start("notifications").ready()
            await eventually(lambda: sent(crashes, members), within=150, message="every mail is sent")
    times = Counter(mail["Message-ID"] for mail in server.received if mail["Subject"] == _SUBJECT)
    assert sorted(times.values()) == [1] * (_MAILS - 1) + [2]
    for answer in asked:
        await coordinator.post("profiles", f"/erasures/{answer.json()['id']}/withdraw")
    await crashes.assert_settles(_KILLED_AT)
