"""Creates credentials for docker-compose.yml once: the file, the image and the environment contain no secret.

Each service shares a volume with its database server, and has its own password. The issuer's private key stays in
.dev/issuer for `./dev token`. For development only: in production, secrets come from your own secret store.

    python -m deploy.credentials VOLUMES DEV PROJECT
"""

import json
import os
import secrets
import sys
from pathlib import Path

from deploy.issuer import LocalIssuer
from deploy.names import DATABASES, WEB
from deploy.sign_in.provider import describe


def make(volumes: Path, issuer: LocalIssuer) -> None:
    for service in DATABASES:
        folder = volumes / service
        issuer.publish(folder)
        if not (folder / "mongo_uri").exists():
            _make(folder, service)
    if not (key := volumes / "notifications" / "unsubscribe_key").exists():
        key.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    if not (key := volumes / "notifications" / "invitation_key").exists():
        key.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    (volumes / "profiles" / "invitation_key").write_text(key.read_text(encoding="utf-8"), encoding="utf-8")
    (volumes / WEB / "providers.json").write_text(json.dumps([describe("http://sign-in:8000")]), encoding="utf-8")


def _make(folder: Path, service: str) -> None:
    password = secrets.token_urlsafe(24)
    _write(folder / "mongo_root_password", secrets.token_urlsafe(24))
    _write(folder / "mongo_key", secrets.token_hex(32))
    _write(folder / "mongo_password", password)
    address = f"mongo-{service}:27017"
    # Last: where it exists, all the others do.
    _write(folder / "mongo_uri", f"mongodb://{service}:{password}@{address}/?replicaSet=rs0&authSource=admin")


def _write(path: Path, content: str) -> None:
    # Readable by all users, in a volume of two containers: the server and the service run as different users.
    path.write_text(content, encoding="utf-8")
    path.chmod(0o444)


def _give_to_owner(dev: Path, project: Path) -> None:
    """Gives the files in .dev to the project's owner: they were created by root, in a container."""
    owner = project.stat()
    for path in (dev, dev / "issuer", *(dev / "issuer").iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)


def main(volumes: Path, dev: Path, project: Path) -> None:
    issuer = LocalIssuer.load_or_create(dev / "issuer")
    make(volumes, issuer)
    _give_to_owner(dev, project)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
