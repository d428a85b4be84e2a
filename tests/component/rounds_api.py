"""A coordinator of rounds over HTTP: opens, awaits, publishes and reads them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy import verify
from tests.component.matching_kit import CARE, NORTH, Matching
from tests.eventually import eventually

CARLA = "carla"


@dataclass(frozen=True, slots=True)
class RoundsApi:
    matching: Matching
    folder: Path

    async def open(self, programme: str = CARE, **body: Any) -> httpx.Response:
        return await self.matching.post(f"/programmes/{programme}/rounds", CARLA, role="coordinator", **body)

    async def opened(self, programme: str = CARE, **body: Any) -> str:
        answer = await self.open(programme, **body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.matching.get(path, CARLA, NORTH, "coordinator", **query)

    async def see(self, round: str) -> dict[str, Any]:
        answer = await self.get(f"/rounds/{round}")
        assert answer.status_code == 200, answer.text
        return {**answer.json(), "version": int(answer.headers["etag"].strip('"'))}

    async def until(self, round: str, *states: str) -> dict[str, Any]:
        async def is_there() -> dict[str, Any] | None:
            seen = await self.see(round)
            return seen if seen["state"] in states else None

        return await eventually(is_there, within=60, message=f"the round is {' or '.join(states)}")

    async def act(self, round: str, verb: str, **body: Any) -> httpx.Response:
        version = (await self.see(round))["version"]
        return await self.matching.post(f"/rounds/{round}/{verb}", CARLA, version=version, role="coordinator", **body)

    async def solved(self, programme: str = CARE, **body: Any) -> str:
        round = await self.opened(programme, **body)
        await self.until(round, "pending", "dropped")
        return round

    async def published(self, **body: Any) -> str:
        round = await self.solved(**body)
        answer = await self.act(round, "publish")
        assert answer.status_code == 200, answer.text
        await self.until(round, "published")
        return round

    async def files(self, round: str) -> tuple[Path, Path]:
        paths = []
        for name in ("input", "result"):
            answer = await self.get(f"/rounds/{round}/{name}")
            assert answer.status_code == 200, answer.text
            paths.append(self.folder / f"{name}.json")
            paths[-1].write_bytes(answer.content)
        return paths[0], paths[1]

    async def verified(self, round: str) -> int:
        """What `./dev verify input.json result.json` exits with."""
        return verify.main([str(path) for path in await self.files(round)])

    async def pairs(self, round: str, **query: Any) -> dict[str, str | None]:
        """Mentors by mentee."""
        page = (await self.get(f"/rounds/{round}/pairs", limit=200, **query)).json()["items"]
        return {pair["mentee"]["member"]: pair["mentor"]["member"] if "mentor" in pair else None for pair in page}

    async def states(self, round: str) -> Counter[str]:
        page = (await self.get(f"/rounds/{round}/pairs", limit=200)).json()["items"]
        return Counter(pair["state"] for pair in page)

    async def waitlist(self, round: str) -> list[dict[str, Any]]:
        return list((await self.get(f"/rounds/{round}/waitlist")).json()["items"])
