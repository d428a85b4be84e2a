"""The images of the compose file and the tests; checks whether this machine has them or can pull them."""

import shutil
import subprocess
import time
from collections.abc import Sequence

from deploy.stack.model import Unavailable

KAFKA = "apache/kafka:4.1.1"
MONGO = "mongo:8.0"
PYTHON = "python:3.13-slim"
_ENGINE_SECONDS = 30
_PULL_SECONDS = 20


def require(*images: str) -> None:
    """Raises `Unavailable` unless a Docker engine answers and has these images, or gets all of them within 20 s."""
    if not shutil.which("docker"):
        raise Unavailable("Docker is not installed")
    if not _succeeds(["docker", "info"], within_seconds=_ENGINE_SECONDS):
        raise Unavailable("the Docker engine does not answer: is it running?")
    _pull([image for image in images if not is_here(image)])


def is_here(image: str) -> bool:
    return _succeeds(["docker", "image", "inspect", image], within_seconds=_ENGINE_SECONDS)


def _pull(images: Sequence[str]) -> None:
    deadline = time.monotonic() + _PULL_SECONDS
    for image in images:
        if not _succeeds(["docker", "pull", "-q", image], within_seconds=max(deadline - time.monotonic(), 0.1)):
            raise Unavailable(f"the image {image} is missing and could not be pulled within {_PULL_SECONDS} s")


def _succeeds(command: Sequence[str], *, within_seconds: float) -> bool:
    try:
        result = subprocess.run(command, capture_output=True, timeout=within_seconds, check=False)
    except subprocess.TimeoutExpired:  # a registry that does not answer counts as absent
        return False
    return result.returncode == 0
