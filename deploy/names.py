"""The services' names, for commands that run in the image: nothing here needs a package of requirements-dev.txt."""

SERVICES = ("profiles", "matching", "notifications")
