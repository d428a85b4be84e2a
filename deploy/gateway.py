"""Publishes the services of docker-compose.yml on one port each, in front of any number of replicas. For development.

A host port has room for one container, so replicas cannot publish it themselves. Each connection goes to the next
address that Docker's DNS has for the service, or to the one after it where that does not answer.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from itertools import count

_SERVICE_PORT = 8000
_CHUNK_BYTES = 1 << 16
_CONNECT_SECONDS = 2
Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Find = Callable[[str], Awaitable[Sequence[tuple[str, int]]]]
"""The addresses of a service's replicas."""


async def find_by_dns(service: str) -> Sequence[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(service, _SERVICE_PORT, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return sorted({(str(address[0]), int(address[1])) for *_, address in found})


class Gateway:
    def __init__(self, service: str, find: Find) -> None:
        self._service = service
        self._find = find
        self._turn = count()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until both sides have ended it."""
        with closing(writer), suppress(OSError):  # either side has closed the connection
            replica_reader, replica_writer = await self._connect()
            with closing(replica_writer):
                await asyncio.gather(_copy(reader, replica_writer), _copy(replica_reader, writer))

    async def _connect(self) -> Connected:
        addresses = await self._find(self._service)
        turn = next(self._turn)
        for attempt in range(len(addresses)):
            host, port = addresses[(turn + attempt) % len(addresses)]
            with suppress(OSError):  # TimeoutError is a subclass
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(host, port)
        raise ConnectionError(f"no replica of {self._service} answers")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


async def main(published: Sequence[str]) -> None:
    """`published`: `<service>:<port>` for each service."""
    servers = []
    for service, _, port in (pair.partition(":") for pair in published):
        servers.append(await asyncio.start_server(Gateway(service, find_by_dns).serve, "0.0.0.0", int(port)))  # noqa: S104
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
