"""The pages' way to services over real connections: a service that hangs does not delay requests to the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.web.clients import transport
from services.web.clients.transport import Answer, Service
from tests.eventually import eventually

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_CROWD = 200


@dataclass(slots=True)
class Answering:
    """Answers each request once it is `open`."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.waiting += 1
                self.most = max(self.most, self.waiting)
                await self.open.wait()
                self.waiting -= 1
                writer.write(_ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def listening(of: Answering) -> AsyncIterator[str]:
    server = await asyncio.start_server(of.answer, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        of.open.set()
        server.close()


async def test_a_service_that_hangs_takes_no_connection_from_the_others_and_answers_all_later() -> None:
    hanging, quick = Answering(), Answering()
    quick.open.set()
    turns = transport.turns_by_service()
    async with listening(hanging) as slow, listening(quick) as fast, transport.connect(seconds=20) as client:
        matching = Service("matching", slow, client, client, "", turns["matching"])
        profiles = Service("profiles", fast, client, client, "", turns["profiles"])
        crowd = [asyncio.create_task(matching.get("/me/suggestions")) for _ in range(_CROWD)]
        await eventually(lambda: hanging.waiting == transport.AT_ONCE, message="the service has all its turns")

        async with asyncio.timeout(10):  # less than the time limit of the crowd, which holds what the service may have
            assert await profiles.get("/me") == Answer({}, "")
        assert not any(task.done() for task in crowd)

        hanging.open.set()
        assert await asyncio.gather(*crowd) == [Answer({}, "")] * _CROWD
    assert hanging.most == transport.AT_ONCE
