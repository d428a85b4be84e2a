"""Profiles' erasures in a process of its own, for a test to kill: `python -m … URI DATABASE`."""

import asyncio
import os
import sys

from services.profiles.privacy.erasure.repository import MongoErasureRepository
from services.profiles.privacy.erasure.worker import ErasureWorker
from shared import failpoints, mongo
from shared.clock import SystemClock


async def main(uri: str, database: str) -> None:
    failpoints.arm("profiles", os.environ[failpoints.VARIABLE], environment="development")
    failpoints.enter("erasures")
    clock = SystemClock()
    await ErasureWorker(MongoErasureRepository(mongo.connect(uri, database), clock), clock).work()


asyncio.run(main(*sys.argv[1:]))
