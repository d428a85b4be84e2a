"""Matching's due work in a process of its own, to be killed: `python -m tests.component.run_due_work URI DATABASE`."""

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
