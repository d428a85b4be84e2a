"""Temporary folders for the files of a job, which name the members behind pseudonyms and must not outlive the job.

The process that uses a folder holds a lock on it, which ends with the process: an unlocked folder was left behind by a
killed process.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INPUT, RESULT, ORDERS, PEOPLE, PLACES = "input.json", "result.json", "orders.json", "people.json", "places.ndjson"
"""Names of a round's files in the folder."""
_PREFIX = "preceptor-round-"


@contextmanager
def locked_folder() -> Iterator[Path]:
    """A new folder that is locked, and removed at the end.

    A process that starts before the folder is locked can remove it; the job is then retried.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        descriptor = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(descriptor)


def clear() -> None:
    """Removes the folders of killed processes of this machine."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # removed in between, or another user's
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:  # locked: its process lives
        return
    finally:
        os.close(descriptor)
