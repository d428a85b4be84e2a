"""Runs librdkafka's in-process broker and real mongods, for which Python is enough.

For a first look and quick tests: it keeps records in the memory of its process, and does not compact topics.

    python -m deploy.stack.embedded PORT_FILE TOPICS_FILE      (runs the broker until SIGTERM)
"""

import ctypes
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.names import DATABASES, network_id
from deploy.stack import downloads, mongod, programs
from deploy.stack.model import Site, Stack, Unavailable
from shared.topics import NATIVE, Topic, load_topics

TOPICS = Path(__file__).parent.parent / "topics.yaml"
_PRODUCER = 0
_ERROR_CHARACTERS = 512
_NOTES = (
    "the embedded broker keeps records in memory, compacts nothing, and after a crash a consumer may wait 30 s",
    "good for a first look; use --stack=native or docker for anything else",
)


def start(site: Site) -> Stack:
    if sys.platform != "linux":
        raise Unavailable("the embedded broker's mongods need Linux on x86-64")
    binaries = downloads.mongod(site.say)
    bootstrap_file = site.folder / "bootstrap"
    broker = programs.start(
        "embedded broker",
        [sys.executable, "-m", "deploy.stack.embedded", str(bootstrap_file), str(TOPICS)],
        log=site.folder / "broker.log",
        environment={},
        journal=site.journal,
        tied=site.tied,
    )
    mongods = {service: mongod.start(site, service, binaries=binaries) for service in DATABASES}
    with ThreadPoolExecutor() as pool:
        uris = dict(zip(mongods, pool.map(mongod.ready_for, mongods, mongods.values()), strict=True))
    bootstrap = _wait_for(bootstrap_file, broker)
    return Stack(kind="embedded", bootstrap=bootstrap, mongo_uris=uris, notes=_NOTES)


def _wait_for(file: Path, broker: programs.Program, *, within_seconds: float = 60) -> str:
    deadline = time.monotonic() + within_seconds
    while not file.exists():
        if not broker.is_running or time.monotonic() > deadline:
            raise Unavailable(f"the embedded broker did not start:\n{broker.last_lines()}")
        time.sleep(0.05)
    return file.read_text(encoding="utf-8")


class _MockCluster:
    """The part of librdkafka's mock API (rdkafka_mock.h) that the confluent-kafka wheel exports but does not wrap."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(library, name).restype = ctypes.c_void_p
        library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        error = ctypes.create_string_buffer(_ERROR_CHARACTERS)
        configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
        client = library.rd_kafka_new(_PRODUCER, configuration, error, ctypes.c_size_t(_ERROR_CHARACTERS))
        if not client:
            raise RuntimeError(f"librdkafka does not start: {error.value.decode()}")
        self._cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
        # The default of 3 s would delay the start of every consumer group.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    @property
    def bootstrap(self) -> str:
        servers: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return servers.decode()

    def create(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            name = topic.name.encode()
            if code := self._library.rd_kafka_mock_topic_create(self._cluster, name, topic.partitions, 1):
                raise RuntimeError(f"librdkafka's broker refused the topic {topic.name} with error {code}")


def _library() -> ctypes.CDLL:
    import confluent_kafka

    bundled = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    # The client links the same file: loading it again gives the copy that is already there.
    return ctypes.CDLL(str(next(bundled.glob("librdkafka-*.so*"))))


def main(bootstrap_file: Path, topics_file: Path) -> None:
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before librdkafka starts its threads, which inherit it: only sigwait may take them.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    cluster = _MockCluster(_library())
    cluster.create(load_topics(topics_file, size=NATIVE, network=network_id()))
    scratch = bootstrap_file.with_suffix(".new")
    scratch.write_text(cluster.bootstrap, encoding="utf-8")
    scratch.rename(bootstrap_file)
    signal.sigwait(signals)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
