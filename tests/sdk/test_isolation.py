"""Nothing leaks from one run into another: whatever tasks, threads and half-eaten generators do beside each other."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.context import get_current

import spanhouse
from tests.sdk.conftest import Telemetry

# What an actor does: call a tool, wait for the others, or do more inside of something.
_STEP = st.sampled_from(["tool", "wait", "read a stream", "leave a stream", "leave an async stream"])
_INSIDE = st.sampled_from(["agent", "task group", "thread", "recorded function", "recorded coroutine"])
_SCRIPT = st.recursive(
    st.lists(_STEP, max_size=3), lambda inner: st.lists(_STEP | st.tuples(_INSIDE, inner), max_size=3), max_leaves=8
)
Script = list[Any]


@given(st.lists(_SCRIPT, min_size=2, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_span_is_in_its_own_actors_run_however_they_interleave(
    telemetry: Telemetry, scripts: list[Script], loops: bool
) -> None:
    telemetry.forget()
    actors = [Actor(f"actor-{number}") for number in range(len(scripts))]
    if loops:
        threads = [
            threading.Thread(target=asyncio.run, args=(actor.run(script),))
            for actor, script in zip(actors, scripts, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        asyncio.run(_all_of([partial(actor.run, script) for actor, script in zip(actors, scripts, strict=True)]))
    gc.collect()
    assert not spanhouse.execution.current(), "something is left in the context of the caller"
    _assert_each_is_in_its_own(telemetry)


def _assert_each_is_in_its_own(telemetry: Telemetry) -> None:
    owners = {span.context.span_id: span.name.split()[1] for span in telemetry.spans}
    traces: dict[int, set[str]] = {}
    for span in telemetry.spans:
        owner = span.name.split()[1]
        traces.setdefault(span.context.trace_id, set()).add(owner)
        execution = str((span.attributes or {})["spanhouse.execution.id"])
        assert owners[int(execution, 16)] == owner, f"{span.name} is in a run of {owners[int(execution, 16)]}"
        if span.parent:
            assert owners[span.parent.span_id] == owner
    assert all(len(actors) == 1 for actors in traces.values()), traces


class Actor:
    """Somebody whose spans all bear its name, and all belong into its own run."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Streams that nobody reads to their end, to be collected whenever that happens.
        self._left: list[object] = []

    async def run(self, script: Script) -> None:
        """Do all of it inside a run of its own."""
        with spanhouse.agent(self.name):
            await self._act(script)
        self._left.clear()

    async def _act(self, script: Script) -> None:
        around = get_current()
        for step in script:
            if isinstance(step, tuple):
                await self._inside(*step)
            else:
                await self._step(step)
            assert get_current() is around, f"{step} left its own context behind"

    async def _step(self, step: str) -> None:
        if step == "tool":
            with spanhouse.tool(self.name):
                await asyncio.sleep(0)
        elif step == "wait":
            await asyncio.sleep(0)
        elif step == "read a stream":
            assert list(self._stream()) == [0, 1, 2]
        elif step == "leave a stream":
            stream = self._stream()
            next(stream)
            self._left.append(stream)
        else:
            astream = self._astream()
            await anext(astream)
            self._left.append(astream)

    async def _inside(self, what: str, script: Script) -> None:
        if what == "agent":
            async with spanhouse.agent(self.name):
                await self._act(script)
        elif what == "task group":
            await _all_of([partial(self._act, script)] * 2)
        elif what == "thread":
            run = copy_context().run
            with ThreadPoolExecutor(1) as threads:
                await asyncio.wrap_future(threads.submit(run, asyncio.run, self._act(script)))
        elif what == "recorded function":
            spanhouse.tool(self.name)(lambda: None)()
        else:
            await spanhouse.agent(self.name)(self._act)(script)

    def _stream(self) -> Iterator[int]:
        def numbers() -> Iterator[int]:
            for number in range(3):
                with spanhouse.tool(self.name):
                    yield number

        return spanhouse.agent(self.name)(numbers)()

    def _astream(self) -> AsyncIterator[int]:
        async def numbers() -> AsyncIterator[int]:
            for number in range(3):
                async with spanhouse.tool(self.name):
                    await asyncio.sleep(0)
                    yield number

        return spanhouse.agent(self.name)(numbers)()


async def _all_of(coroutines: list[Callable[[], Any]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine())
