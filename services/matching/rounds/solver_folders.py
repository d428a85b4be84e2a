"""Folders for the files of one job. They say who is behind a pseudonym: none outlives its work, or its process long.

Whoever works in one has it locked, and a lock ends with its process: what nobody has locked was left behind by a kill.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "preceptor-round-"


@contextmanager
def folder() -> Iterator[Path]:
    """A replica that starts beside us could take it away before it is locked: that job is begun again."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        held = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(held)


def clear() -> None:
    """Of processes of this machine that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    try:
        held = os.open(path, os.O_RDONLY)
    except OSError:  # done with meanwhile, or another user's
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(held)
