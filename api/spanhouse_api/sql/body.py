"""A request's body, as it comes: into an upload, as a form, or away; and whether its client is still there."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from typing import Any

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from spanhouse_api.sql.errors import bad_argument
from spanhouse_api.sql.upload import Upload

_BATCH_BYTES = 1024 * 1024
# Taken in, decompressed too, sooner than a thread has its turn.
_SMALL_BYTES = 4 * 1024
_DRAINED_BYTES = 16 * 1024 * 1024
_FORM_FIELDS, _FORM_FIELD_BYTES = 1000, 1024 * 1024


async def take_in(request: Request, upload: Upload) -> None:
    """Feed an upload with the body; a form, which `read_form` has read, leaves none. Raises `Refused`."""
    batch = bytearray()
    async for chunk in _body(request):
        batch += chunk
        if len(batch) >= _BATCH_BYTES:
            await asyncio.to_thread(upload.feed, bytes(batch))
            batch.clear()
    if len(batch) > _SMALL_BYTES:
        await asyncio.to_thread(upload.feed, bytes(batch))
    else:
        upload.feed(bytes(batch))


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, if the body is one: the statement and parameters that are too long for a URL.

    Raises `Refused`.
    """
    if not _is_form(request):
        return {}
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=0, max_fields=_FORM_FIELDS, max_part_size=_FORM_FIELD_BYTES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        reason = f"The form cannot be read: {error.message} (external tables are not supported here)"
        raise bad_argument(reason) from error
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def drain(request: Request) -> None:
    """Read what is left of a body, within reason: some clients look for the reply only when they have sent it all."""
    left = _DRAINED_BYTES
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                return
    except (ClientDisconnect, RuntimeError):
        # It has gone, or the body was read before.
        return


async def while_connected(request: Request, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and cancel it when the client goes away or the server stops."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(request))
    # A server that stops cancels this task. What is left to do is the same.
    with suppress(asyncio.CancelledError):
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    working.cancel()
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()


async def _body(request: Request) -> AsyncGenerator[bytes]:
    if _is_form(request):
        return
    async for chunk in request.stream():
        yield chunk


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
