"""Names of services and network. Commands in the image use it: it needs no package of requirements-dev.txt."""

import os

SERVICES = ("profiles", "matching", "notifications")


def network_id() -> str:
    """As the compose file takes it: the network of all three services on this machine."""
    return os.environ.get("NETWORK_ID", "")
