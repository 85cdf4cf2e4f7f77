"""What comes of a tenant's spans, request by request; and the same again in another order."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from hypothesis import strategies as st

from tests.reference import Row


class History(NamedTuple):
    """Requests as they came, and the same ones in another order, some of them twice."""

    requests: list[list[Row]]
    again: list[list[Row]]


@st.composite
def histories(draw: st.DrawFn, spans: st.SearchStrategy[Row]) -> History:
    """Histories of a few requests with a few of these spans each."""
    requests = draw(st.lists(st.lists(spans, max_size=6), min_size=2, max_size=4))
    twice = draw(st.lists(st.sampled_from(requests), max_size=2))
    return History(requests, draw(st.permutations([*requests, *twice])))


def rounds(tenants: Iterable[str], requests: Iterable[list[list[Row]]]) -> Iterator[dict[str, list[Row]]]:
    """The first request of each tenant, then the second of each that has one, and so on."""
    of_tenants = dict(zip(tenants, requests, strict=True))
    for each in zip_longest(*of_tenants.values()):
        yield {tenant: rows for tenant, rows in zip(of_tenants, each, strict=True) if rows is not None}
