"""Credentials for docker-compose.yml, made once: no secret is in the file, in the image or in the environment.

Each service and its database server see one volume, with a password of their own, and never the issuer's private key,
which stays in .dev/issuer for `./dev token`. Development only: in production these come from your own secret store.
    python -m deploy.credentials VOLUMES DEV PROJECT
"""

import os
import secrets
import sys
from pathlib import Path

from deploy.issuer import LocalIssuer

SERVICES = ("profiles", "matching", "notifications")


def make(volumes: Path, issuer: LocalIssuer) -> None:
    for service in SERVICES:
        folder = volumes / service
        issuer.publish(folder)
        if not (folder / "mongo_uri").exists():
            _make(folder, service)


def _make(folder: Path, service: str) -> None:
    password = secrets.token_urlsafe(24)
    _write(folder / "mongo_root_password", secrets.token_urlsafe(24))
    _write(folder / "mongo_key", secrets.token_hex(32))
    _write(folder / "mongo_password", password)
    address = f"mongo-{service}:27017"
    # Last: its presence says that all are there.
    _write(folder / "mongo_uri", f"mongodb://{service}:{password}@{address}/?replicaSet=rs0&authSource=admin")


def _write(path: Path, content: str) -> None:
    # Readable by all in a volume that only two containers see: the server and the service run as different users.
    path.write_text(content, encoding="utf-8")
    path.chmod(0o444)


def _give_back(dev: Path, project: Path) -> None:
    """Root in here is root out there: what was made in .dev belongs to whoever owns the project."""
    owner = project.stat()
    for path in (dev, dev / "issuer", *(dev / "issuer").iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)


def main(volumes: Path, dev: Path, project: Path) -> None:
    issuer = LocalIssuer.load_or_create(dev / "issuer")
    make(volumes, issuer)
    _give_back(dev, project)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
