"""Names of the services and the network. For the image too: needs no package of requirements-dev.txt."""

import os

SERVICES = ("profiles", "matching", "notifications", "mentorships")


def network_id() -> str:
    """Of all services on this machine, as in the compose file."""
    return os.environ.get("NETWORK_ID", "")
