"""Ports for servers that a command or a test starts."""

import socket
from pathlib import Path

from deploy.stack.ports import HOST, free_or, free_ports, is_free


def test_free_ports_are_none_of_those_that_outgoing_connections_get() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    found = free_ports(200)
    assert len(set(found)) == 200
    assert max(found) < lowest


def test_a_wanted_port_is_kept_unless_it_is_taken() -> None:
    (port,) = free_ports(1)
    assert free_or(port) == port
    with socket.create_server((HOST, port)):
        assert not is_free(port)
        assert free_or(port) != port
    assert free_or(0) in range(1, 65_536)
