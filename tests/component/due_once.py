"""Matching's agenda in a process of its own, for a test to kill: `python -m tests.component.due_once URI DATABASE`."""

import asyncio
import os
import sys

from services.matching.mentoring.repository.requests import RequestStore
from services.matching.mentoring.worker import Due
from shared import failpoints, mongo
from shared.clock import SystemClock


async def main(uri: str, database: str) -> None:
    failpoints.arm("matching", os.environ[failpoints.VARIABLE], environment="development")
    failpoints.enter("due")
    clock = SystemClock()
    await Due(RequestStore(mongo.connect(uri, database), clock), clock).work()


asyncio.run(main(*sys.argv[1:]))
