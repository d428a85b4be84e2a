"""npm's `oidc-provider` as a process: an OpenID provider that is not ours, and that enforces PKCE."""

import asyncio
import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conftest import missing

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "tests" / "providers" / "oidc"


def installed() -> Path:
    """A folder with the provider and its packages, which are installed once for each lock file."""
    programs = [program for program in ("node", "npm") if shutil.which(program) is None]
    if programs:
        missing(f"no {' and '.join(programs)} for an OpenID provider: install Node.js 20 or newer")
    version = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()[:12]
    target = ROOT / ".dev" / f"oidc-provider-{version}"
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may install them too
        for file in FOLDER.iterdir():
            shutil.copy(file, target)
        if not (target / "complete").exists():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
            subprocess.run(command, cwd=target, check=True, timeout=120)
            (target / "complete").touch()
    return target


@asynccontextmanager
async def provider(folder: Path, *, port: int, web: str) -> AsyncIterator[str]:
    """Its issuer."""
    process = await asyncio.create_subprocess_exec(
        "node", "provider.mjs", str(port), web, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while b"listening" not in (line := await process.stdout.readline()):
                assert line, "the provider has ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()
