"""Runs real Kafka and real mongods as plain processes; needs Java 17, Maven and pip."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.names import DATABASES
from deploy.stack import downloads, kafka, mongod
from deploy.stack.model import Site, Stack, Unavailable


def start(site: Site) -> Stack:
    if reason := kafka.why_not():
        raise Unavailable(reason)
    jars, binaries = binaries_for(site)
    # Started one after the other in this thread (see `tied`), and waited for together.
    broker = kafka.start(site, jars=jars)
    mongods = {service: mongod.start(site, service, binaries=binaries) for service in DATABASES}
    with ThreadPoolExecutor() as pool:
        answered = pool.submit(broker.wait)
        uris = dict(zip(mongods, pool.map(mongod.ready_for, mongods, mongods.values()), strict=True))
        answered.result()
    return Stack(kind="native", bootstrap=broker.bootstrap, mongo_uris=uris)


def binaries_for(site: Site) -> tuple[Path, Path]:
    """Kafka's jars and mongod's folder, downloaded concurrently if missing."""
    with ThreadPoolExecutor() as pool:
        jars = pool.submit(downloads.kafka_jars, site.say)
        binaries = pool.submit(downloads.mongod, site.say)
        return jars.result(), binaries.result()
