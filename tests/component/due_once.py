"""Matching's agenda in a process of its own, for a test to kill: `python -m tests.component.due_once URI DATABASE`."""

import asyncio
import os
import sys

from services.matching.feedback.documents import forget
from services.matching.mentoring.repository.due import MongoDueRepository
from services.matching.mentoring.worker import DueWorker
from shared import failpoints, mongo
from shared.clock import SystemClock


async def main(uri: str, database: str) -> None:
    failpoints.arm("matching", os.environ[failpoints.VARIABLE], environment="development")
    failpoints.enter("due")
    clock = SystemClock()
    await DueWorker(MongoDueRepository(mongo.connect(uri, database), clock, forget=[forget]), clock).work()


asyncio.run(main(*sys.argv[1:]))
