"""The main job, run to its end from outside: HTTP, Kafka and the live stream, as any integrator sees the network."""

from deploy.demo.api import NeverArrived, Refused
from deploy.demo.job import run

__all__ = ["NeverArrived", "Refused", "run"]
