"""Names of the services and the network. For the image too: needs no package of requirements-dev.txt."""

import os

SERVICES = ("profiles", "matching", "notifications")


def network_id() -> str:
    """Of all three services on this machine, as in the compose file."""
    return os.environ.get("NETWORK_ID", "")
