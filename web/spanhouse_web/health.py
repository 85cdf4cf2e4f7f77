"""Whether a process lives, whether it is ready, and its metrics: three endpoints that every HTTP port has."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spanhouse.errors import SpanhouseError


def health_routes(ready: Callable[[], None], registry: CollectorRegistry) -> list[Route]:
    """Return /health, /ready and /metrics. `ready` raises `SpanhouseError` while requests had better wait."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readiness(_request: Request) -> Response:
        try:
            await asyncio.to_thread(ready)
        except SpanhouseError as error:
            return JSONResponse({"status": "not ready", "reason": str(error)}, 503)
        return JSONResponse({"status": "ready"})

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return [Route("/health", health), Route("/ready", readiness), Route("/metrics", metrics)]
