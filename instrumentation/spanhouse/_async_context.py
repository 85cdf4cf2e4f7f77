"""What is entered by `with` and by `async with` alike."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Block(ABC, Generic[T_co]):
    """A block that gives something; nothing in entering or leaving it waits, and so `async with` is the same."""

    @abstractmethod
    def __enter__(self) -> T_co: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    async def __aenter__(self) -> T_co:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)
