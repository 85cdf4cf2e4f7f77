"""Waiting for work that must not be broken off half way."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_T = TypeVar("_T")


async def undisturbed(step: Awaitable[_T]) -> _T:
    """What `step` returns; when cancelled, cancelled only after it has ended."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
