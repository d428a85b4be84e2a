"""Matching forgets erased members in a process of its own, for a test to kill: `python -m … URI DATABASE`."""

import asyncio
import os
import sys

from services.matching.store.erasures import ErasureStore
from services.matching.store.requests import RequestStore
from services.matching.usecases.due import Due
from services.matching.usecases.forgetting import ErasureReceiptWorker
from shared import failpoints, mongo
from shared.clock import SystemClock


async def main(uri: str, name: str) -> None:
    failpoints.arm("matching", os.environ[failpoints.VARIABLE], environment="development")
    failpoints.enter("erasures")
    clock, database = SystemClock(), mongo.connect(uri, name)
    await Due(RequestStore(database, clock), clock).work()
    await ErasureReceiptWorker(ErasureStore(database, clock)).work()


asyncio.run(main(*sys.argv[1:]))
