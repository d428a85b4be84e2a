"""The product's main path, run from outside over HTTP, Kafka and the live stream, as an integrator sees it."""

from deploy.api_client import NeverArrived, Refused
from deploy.demo.job import run

__all__ = ["NeverArrived", "Refused", "run"]
