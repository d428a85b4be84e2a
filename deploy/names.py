"""Names of the services and the network. For the image too: needs no package of requirements-dev.txt."""

import os

SERVICES = ("profiles", "matching", "notifications", "mentorships")
WEB = "web"
"""The web application: it has a database, but no part in Kafka."""
SIGN_IN = "sign-in"
"""The provider at which people sign in, in development."""
MAIL = "mail"
"""The mail server of development, which delivers nothing and shows what it was given."""
DATABASES = (*SERVICES, WEB)
"""Each has a MongoDB server of its own."""


def network_id() -> str:
    """Of all services on this machine, as in the compose file."""
    return os.environ.get("NETWORK_ID", "")
