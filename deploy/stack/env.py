"""Servers whose addresses are in the environment, under the names that the services read."""

from collections.abc import Mapping

from deploy.names import DATABASES
from deploy.stack.model import SERVICES, Stack, Unavailable


def find(environment: Mapping[str, str]) -> Stack:
    names = {service: f"{service.upper()}_MONGO_URI" for service in DATABASES}
    kafka = {f"{service.upper()}_KAFKA_BOOTSTRAP" for service in SERVICES}
    if missing := sorted(name for name in {*names.values(), *kafka} if not environment.get(name)):
        raise Unavailable(f"not set: {', '.join(missing)}")
    if len(bootstraps := {environment[name] for name in kafka}) > 1:
        raise Unavailable(f"the services must share one Kafka, not {', '.join(sorted(bootstraps))}")
    return Stack(
        kind="env",
        bootstrap=bootstraps.pop(),
        mongo_uris={service: environment[name] for service, name in names.items()},
        notes=("these servers are yours: they are neither started nor stopped, and keep what is written",),
    )
