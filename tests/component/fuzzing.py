"""A service's OpenAPI document against the service itself: schemathesis asks what the document allows, and what not."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from deploy.stack.ports import free_ports
from tests.depth import IS_FULL
from tests.eventually import eventually

_HOOKS = Path(__file__).with_name("fuzzing_hooks.py")
_EXAMPLES = "5" if IS_FULL else "2"
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started, message="the API serves")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`known` names what is there, by path parameter. `phases`: the cheap ones for those who may do little."""

    token: str
    known: Mapping[str, str]
    phases: str = "examples,coverage,fuzzing,stateful" if IS_FULL else "examples,coverage,fuzzing"


async def fuzz(address: str, who: Caller, folder: Path) -> None:
    """Fails with what schemathesis says. Its choices are the same every time."""
    (folder / "schemathesis.toml").write_text(_configuration(who.known), encoding="utf-8")
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("run", f"{address}/openapi.json", "--checks", ",".join(_CHECKS), "--phases", who.phases),
        *("--seed", "1", "--max-examples", _EXAMPLES, "--generation-deterministic"),
        *("--continue-on-failure", "--no-shrink"),
        *("--header", f"Authorization: Bearer {who.token}", "--suppress-health-check", "all", "--no-color"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, "FUZZING_TOKEN": who.token}, stdout=-1, stderr=-2
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


def _configuration(known: Mapping[str, str]) -> str:
    lines = [
        f"hooks = {json.dumps(str(_HOOKS))}",
        # Schemathesis does not know that a body of a million entries is refused for its size: 413.
        "[checks.negative_data_rejection]",
        "expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, '5xx']",
        "[parameters]",
        *(f"{json.dumps('path.' + name)} = {json.dumps(id)}" for name, id in known.items()),
    ]
    return "\n".join(lines) + "\n"
