"""Matching forgets erased members in a process of its own, for a test to kill: `python -m … URI DATABASE`."""

import asyncio
import os
import sys

from services.matching.feedback.documents import forget
from services.matching.mentoring.repository.due import MongoDueRepository
from services.matching.mentoring.worker import DueWorker
from services.matching.privacy.erasure.repository import MongoErasureRepository
from services.matching.privacy.erasure.usecases import ErasureReceiptWorker
from shared import failpoints, mongo
from shared.clock import SystemClock


async def main(uri: str, name: str) -> None:
    failpoints.arm("matching", os.environ[failpoints.VARIABLE], environment="development")
    failpoints.enter("erasures")
    clock, database = SystemClock(), mongo.connect(uri, name)
    await DueWorker(MongoDueRepository(database, clock, forget=[forget]), clock).work()
    await ErasureReceiptWorker(MongoErasureRepository(database, clock)).work()


asyncio.run(main(*sys.argv[1:]))
