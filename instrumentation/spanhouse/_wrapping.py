"""Record every call of a function, whatever kind of function it is, and leave it that kind."""

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context, copy_context
from types import coroutine
from typing import Any, TypeVar, cast

from spanhouse import _capture
from spanhouse._recording import Recording

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def recorded(function: F, begin: Callable[[], Recording], *, capture: bool) -> F:
    """A function that does what `function` does, each time inside what `begin` opens.

    With `capture`, arguments and result are recorded. Exceptions go through unchanged.
    """
    opened = _Opening(function, begin, capture=capture)
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, opened)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, opened)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, opened)
    else:
        wrapper = _plain(function, opened)
    return cast("F", functools.wraps(function)(wrapper))


class _Opening:
    """Begins a recording for a call, and ends it with what the call gave."""

    def __init__(self, function: Callable[..., Any], begin: Callable[[], Recording], *, capture: bool) -> None:
        self._begin = begin
        self._arguments = _capture.Arguments(function) if capture else None

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
        recording = self._begin()
        if self._arguments and _capture.wanted():
            recording.input(self._arguments.named(args, kwargs))
        recording.enter()
        return recording

    def done(self, recording: Recording, result: object) -> None:
        if self._arguments:
            recording.returned(result)
        recording.end()


def _plain(function: Callable[..., Any], opened: _Opening) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        recording = opened(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            recording.end(error)
            raise
        opened.done(recording, result)
        return result

    return call


def _coroutine(function: Callable[..., Any], opened: _Opening) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        recording = opened(args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            recording.end(error)
            raise
        opened.done(recording, result)
        return result

    return call


def _generator(function: Callable[..., Any], opened: _Opening) -> Callable[..., Any]:
    # Each step runs in a space of its own: between steps, and once the generator is abandoned, it is nobody's context.
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        space = copy_context()
        recording = space.run(opened, args, kwargs)
        yielded = _Yielded()
        inner = function(*args, **kwargs)
        step: Callable[[Any], Any] = inner.send
        value: Any = None
        try:
            while True:
                try:
                    item = space.run(step, value)
                except StopIteration as stop:
                    result = stop.value
                    break
                yielded.add(item)
                try:
                    step, value = inner.send, (yield item)
                except GeneratorExit:
                    space.run(inner.close)
                    raise
                except BaseException as thrown:  # noqa: BLE001  # it is the generator's to handle
                    step, value = inner.throw, thrown
        except BaseException as error:
            space.run(recording.end, error)
            raise
        space.run(opened.done, recording, yielded.whole() if result is None else result)
        return result

    return call


def _async_generator(function: Callable[..., Any], opened: _Opening) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        space = copy_context()
        recording = space.run(opened, args, kwargs)
        yielded = _Yielded()
        inner = function(*args, **kwargs)
        step = inner.asend(None)
        try:
            while True:
                try:
                    item = await _within(space, step)
                except StopAsyncIteration:
                    break
                yielded.add(item)
                try:
                    step = inner.asend((yield item))
                except GeneratorExit:
                    await _within(space, inner.aclose())
                    raise
                except BaseException as thrown:  # noqa: BLE001  # it is the generator's to handle
                    step = inner.athrow(thrown)
        except BaseException as error:
            space.run(recording.end, error)
            raise
        space.run(opened.done, recording, yielded.whole())

    return call


@coroutine
def _within(space: Context, awaitable: Awaitable[T]) -> Generator[Any, Any, T]:
    """Await something in a context of its own: each step of it runs there."""
    steps = awaitable.__await__()
    step: Callable[[Any], Any] = steps.send
    value: Any = None
    while True:
        try:
            pending = space.run(step, value)
        except StopIteration as stop:
            return cast("T", stop.value)
        try:
            step, value = steps.send, (yield pending)
        except GeneratorExit:
            space.run(steps.close)
            raise
        except BaseException as thrown:  # noqa: BLE001  # a cancellation, say, which is the awaited one's to handle
            step, value = steps.throw, thrown


class _Yielded:
    """What a generator yielded, to record it as its output: texts as one text, anything else as a list; bounded."""

    def __init__(self) -> None:
        self._items: list[object] = []
        self._characters = 0

    def add(self, item: object) -> None:
        if self._characters > _capture.MAX_CHARACTERS or not _capture.wanted():
            return
        self._items.append(item)
        self._characters += len(item) if isinstance(item, str) else 100

    def whole(self) -> object:
        if all(isinstance(item, str) for item in self._items):
            return "".join(cast("list[str]", self._items))
        return self._items
