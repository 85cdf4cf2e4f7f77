"""A decorated function does what it did, and each call of it is a span; so is a block."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import assert_type

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

import spanhouse
from spanhouse import SpanhouseError
from tests.sdk.conftest import Telemetry


def test_a_decorated_function_keeps_its_name_its_signature_and_its_answer(telemetry: Telemetry) -> None:
    @spanhouse.tool
    def search(query: str, limit: int = 3) -> list[str]:
        """Search the archive."""
        return [query] * limit

    assert search("otters", limit=2) == ["otters", "otters"]
    assert (search.__name__, search.__doc__) == ("search", "Search the archive.")
    assert str(inspect.signature(search)) == "(query: str, limit: int = 3) -> list[str]"
    assert telemetry.said("execute_tool search") == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.description": "Search the archive.",
        "gen_ai.tool.call.arguments": '{"query": "otters", "limit": 2}',
        "gen_ai.tool.call.result": '["otters", "otters"]',
    }


def test_types_are_kept(telemetry: Telemetry) -> None:
    @spanhouse.agent("typed", model="gpt-5")
    async def typed(topic: str) -> int:
        return len(topic)

    @spanhouse.workflow
    def stream(parts: int) -> Iterator[str]:
        yield from "otter"[:parts]

    assert assert_type(asyncio.run(typed("otters")), int) == 6
    assert assert_type("".join(stream(2)), str) == "ot"
    with spanhouse.tool("block") as call:
        assert_type(call, spanhouse.ToolCall)
    with spanhouse.agent("block") as run:
        assert_type(run, spanhouse.Execution)


async def _count(to: int) -> AsyncIterator[int]:
    for number in range(to):
        await asyncio.sleep(0)
        yield number


def _sync(to: int) -> list[int]:
    return list(range(to))


async def _async(to: int) -> list[int]:
    await asyncio.sleep(0)
    return _sync(to)


def _generator(to: int) -> Iterator[int]:
    yield from range(to)


async def _collect(to: int) -> list[int]:
    return [number async for number in spanhouse.agent("counter")(_count)(to)]


@pytest.mark.parametrize(
    "run",
    [
        lambda: spanhouse.agent("counter")(_sync)(3),
        lambda: asyncio.run(spanhouse.agent("counter")(_async)(3)),
        lambda: list(spanhouse.agent("counter")(_generator)(3)),
        lambda: asyncio.run(_collect(3)),
    ],
    ids=["function", "coroutine function", "generator", "async generator"],
)
def test_each_kind_of_function_is_recorded_and_stays_that_kind(telemetry: Telemetry, run: object) -> None:
    assert callable(run)
    assert run() == [0, 1, 2]
    said = telemetry.said("invoke_agent counter")
    assert (said["input.value"], said["output.value"]) == ('{"to": 3}', "[0, 1, 2]")
    assert said["spanhouse.execution.status"] == "completed"


def test_a_function_that_inspect_calls_a_coroutine_function_is_one_still() -> None:
    assert inspect.iscoroutinefunction(spanhouse.tool(_async))
    assert inspect.isasyncgenfunction(spanhouse.tool(_count))
    assert inspect.isgeneratorfunction(spanhouse.tool(_generator))


class Desk:
    """Methods of all kinds."""

    @spanhouse.tool
    def ask(self, question: str) -> str:
        """Ask it."""
        return question

    @spanhouse.tool
    @classmethod
    def kind(cls, question: str) -> str:
        """Ask its class."""
        return f"{cls.__name__} {question}"

    @spanhouse.tool
    @staticmethod
    def plain(question: str) -> str:
        """Ask nobody."""
        return question

    @classmethod
    @spanhouse.tool("inner")
    def inside(cls, question: str) -> str:
        """Ask inside."""
        return question


def test_methods_are_recorded_without_their_self(telemetry: Telemetry) -> None:
    desk = Desk()
    assert (desk.ask("a"), desk.kind("b"), Desk.plain("c"), Desk.inside("d")) == ("a", "Desk b", "c", "d")
    arguments = [dict(span.attributes or {})["gen_ai.tool.call.arguments"] for span in telemetry.spans]
    assert arguments == [f'{{"question": "{letter}"}}' for letter in "abcd"]


class Trouble(RuntimeError):
    """What a tool meets."""


def test_an_exception_is_recorded_and_goes_on_unchanged(telemetry: Telemetry) -> None:
    trouble = Trouble("no room")

    @spanhouse.agent("careless")
    def careless() -> None:
        raise trouble

    with pytest.raises(Trouble) as caught:
        careless()
    assert caught.value is trouble
    span = telemetry.span("invoke_agent careless")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no room")
    assert telemetry.said("invoke_agent careless")["error.type"] == f"{__name__}.Trouble"
    (event,) = span.events
    assert event.name == "exception"
    failed = telemetry.event("execution.failed").attributes
    assert (failed["error.type"], failed["exception.message"]) == (f"{__name__}.Trouble", "no room")


@pytest.mark.parametrize("interruption", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_is_cancelled_or_interrupted_has_not_failed(
    telemetry: Telemetry, interruption: type[BaseException]
) -> None:
    @spanhouse.agent("interrupted")
    def interrupted() -> None:
        with spanhouse.tool("slow"):
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert telemetry.said("invoke_agent interrupted")["spanhouse.execution.status"] == "cancelled"
    assert all(span.status.status_code is StatusCode.UNSET for span in telemetry.spans)
    telemetry.event("execution.cancelled")


def test_a_cancelled_task_of_asyncio_is_cancelled(telemetry: Telemetry) -> None:
    @spanhouse.agent("slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    async def cancel_it() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 0.01)

    asyncio.run(cancel_it())
    assert telemetry.said("invoke_agent slow")["spanhouse.execution.status"] == "cancelled"


def test_blocks_nest_and_functions_called_in_them_are_below_them(telemetry: Telemetry) -> None:
    async def work() -> None:
        async with spanhouse.workflow("pipeline"), spanhouse.agent("writer", id="w-1", version="2") as run:
            run.input({"topic": "otters"})
            with spanhouse.llm_call("gpt-5", provider="openai") as call:
                call.record_usage(input_tokens=10, output_tokens=5, cache_read_tokens=4)
                call.record_response(id="r-1", model="gpt-5-2026", finish_reasons=["stop"])
            run.output("done")

    asyncio.run(work())
    model, agent, workflow = telemetry.spans
    assert [span.name for span in telemetry.spans] == ["chat gpt-5", "invoke_agent writer", "invoke_workflow pipeline"]
    assert model.parent is not None
    assert agent.parent is not None
    assert (model.parent.span_id, agent.parent.span_id) == (agent.context.span_id, workflow.context.span_id)
    said = dict(model.attributes or {})
    assert said["spanhouse.execution.id"] == f"{agent.context.span_id:016x}"
    assert said["gen_ai.usage.cache_read.input_tokens"] == 4
    assert "gen_ai.usage.reasoning.output_tokens" not in said, "what is unknown is not 0"
    assert (agent.attributes or {})["spanhouse.execution.parent_id"] == f"{workflow.context.span_id:016x}"


def test_the_time_to_the_first_chunk_of_a_stream_is_recorded_once(telemetry: Telemetry) -> None:
    with spanhouse.llm_call("gpt-5") as call:
        assert list(call.stream(iter("abc"))) == ["a", "b", "c"]
    said = telemetry.said("chat gpt-5")
    waited_s = said["gen_ai.response.time_to_first_chunk"]
    assert isinstance(waited_s, float)
    assert 0 <= waited_s < 60
    assert said["gen_ai.request.stream"] is True


def test_an_abandoned_stream_ends_where_it_is_closed_and_its_context_is_nobodys(telemetry: Telemetry) -> None:
    @spanhouse.agent("talker")
    def talk() -> Iterator[str]:
        with spanhouse.tool("think"):
            yield "one"
            yield "two"

    words = talk()
    assert next(words) == "one"
    assert not spanhouse.execution.current(), "between its steps nothing of it is current"
    with spanhouse.tool("mine"):
        pass
    assert telemetry.span("execute_tool mine").parent is None
    words.close()  # type: ignore[attr-defined]  # an Iterator that is a generator
    assert telemetry.said("invoke_agent talker")["spanhouse.execution.status"] == "cancelled"
    telemetry.span("execute_tool think")


def test_a_block_in_a_generator_that_ends_late_leaves_what_is_current_then_alone(telemetry: Telemetry) -> None:
    def undecorated() -> Iterator[int]:
        with spanhouse.agent("abandoned"):
            yield 1

    words = undecorated()
    next(words)
    with spanhouse.agent("other") as other:
        words.close()  # type: ignore[attr-defined]  # an Iterator that is a generator
        assert spanhouse.execution.current() is other
    assert not spanhouse.execution.current(), "and nobody goes back into what has ended"


def test_what_a_generator_is_sent_and_what_is_thrown_into_it_reaches_it(telemetry: Telemetry) -> None:
    @spanhouse.tool
    def echo():  # type: ignore[no-untyped-def]  # a generator with all three types would say nothing more
        said = yield "ready"
        try:
            said = yield said
        except Trouble:
            yield "caught"
        return "over"

    steps = echo()  # type: ignore[no-untyped-call]  # as above
    assert (next(steps), steps.send("hello"), steps.throw(Trouble("x"))) == ("ready", "hello", "caught")
    with pytest.raises(StopIteration, match="over"):
        next(steps)
    assert telemetry.said("execute_tool echo")["gen_ai.tool.call.result"] == "over"


def test_a_run_is_the_callers_in_threads_that_are_given_its_context(telemetry: Telemetry) -> None:
    with ThreadPoolExecutor(1) as threads, spanhouse.agent("parent") as parent:
        assert threads.submit(copy_context().run, spanhouse.execution.current).result() is parent
        assert not threads.submit(spanhouse.execution.current).result()


def test_nothing_is_written_as_json_where_content_is_not_wanted(telemetry: Telemetry) -> None:
    class Costly:
        def __repr__(self) -> str:
            raise AssertionError("asked for")

    @spanhouse.tool(capture=False)
    def quiet(value: object) -> object:
        return value

    quiet(Costly())
    assert not [name for name in telemetry.said("execute_tool quiet") if "call" in name]


def test_wrong_use_is_said_where_it_is_written() -> None:
    with pytest.raises(SpanhouseError, match="is no function"):
        spanhouse.tool(Desk)
    with pytest.raises(SpanhouseError, match="no name of its own"), spanhouse.tool():
        pass
    block = spanhouse.tool("once")
    with block, pytest.raises(SpanhouseError, match="open already"), block:
        pass


def test_without_any_provider_functions_run_as_if_nothing_was_there() -> None:
    @spanhouse.agent
    def alone() -> str:
        run = spanhouse.execution.current()
        run.progress(0.5)
        run.thinking("hm")
        return trace.format_span_id(run.span.get_span_context().span_id)

    assert isinstance(alone(), str)
