"""One port in front of the replicas of a service, as docker-compose.yml publishes it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from deploy.gateway import Gateway
from deploy.stack.ports import free_ports

HOST = "127.0.0.1"


@asynccontextmanager
async def replica(name: str) -> AsyncIterator[tuple[str, int]]:
    """Answers what it was sent with its name before it, once the sender has ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode() + b" " + await reader.read())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server:
        yield HOST, server.sockets[0].getsockname()[1]


async def asked(addresses: Sequence[tuple[str, int]], times: int) -> list[bytes]:
    async def find(service: str) -> Sequence[tuple[str, int]]:
        assert service == "matching"
        return addresses

    server = await asyncio.start_server(Gateway("matching", find).serve, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return [await _ask(port) for _ in range(times)]


async def _ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"hello")
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_connections_go_to_the_replicas_in_turn() -> None:
    async with AsyncExitStack() as running:
        both = [await running.enter_async_context(replica(name)) for name in ("first", "second")]
        assert await asked(both, 4) == [b"first hello", b"second hello"] * 2


async def test_a_replica_that_does_not_answer_is_skipped() -> None:
    gone = (HOST, free_ports(1)[0])
    async with replica("second") as there:
        assert await asked([gone, there], 2) == [b"second hello"] * 2


async def test_a_connection_ends_where_no_replica_answers() -> None:
    assert await asked([(HOST, free_ports(1)[0])], 1) == [b""]
