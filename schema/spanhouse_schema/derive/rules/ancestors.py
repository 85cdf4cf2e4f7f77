"""The ancestors in a forest that is given as each node's parent: found by doubling, however deep it is.

All of it are arrays of indices. `nowhere`, the index after the last, is the parent of a root.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Indices: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]


class Ancestors:
    """The ancestors of each node. Nodes on a cycle, or below one, have none.

    `jumps` has for each k the ancestor 2**k levels up, with one more place that stands for nowhere.
    """

    def __init__(self, parent: Indices) -> None:
        self.nowhere = len(parent)
        self.jumps = _jumps(parent)
        endless = self.jumps[-1][self.jumps[-1]] != self.nowhere
        if endless.any():
            self.jumps = _jumps(np.where(endless[:-1], self.nowhere, parent))

    @property
    def parent(self) -> Indices:
        """Return the parent of each node; one on a cycle has none."""
        return self.jumps[0][:-1]

    def nearest(self, wanted: Flags) -> Indices:
        """Return the nearest ancestor of each node that is wanted."""
        found = self._parents_where(wanted)
        for jump in self.jumps:
            found = np.where(found == self.nowhere, found[jump], found)
        return found[:-1]

    def topmost(self, wanted: Flags) -> Indices:
        """Return the topmost ancestor of each node that is wanted."""
        found = self._parents_where(wanted)
        for jump in self.jumps:
            found = np.where(found[jump] == self.nowhere, found, found[jump])
        return found[:-1]

    def roots(self) -> Indices:
        """Return the root of each node's tree, which may be itself."""
        topmost = self.topmost(np.ones(self.nowhere, bool))
        return np.where(topmost == self.nowhere, np.arange(self.nowhere), topmost)

    def _parents_where(self, wanted: Flags) -> Indices:
        return np.where(np.append(wanted, False)[self.jumps[0]], self.jumps[0], self.nowhere)


def parents(trace: pl.Series, ids: pl.Series, parent_ids: pl.Series) -> Indices:
    """Return where the parent of each node is: the one of its trace that has this id; nowhere where there is none.

    One that names itself has none.
    """
    named = pl.DataFrame({"Trace": trace, "Id": ids, "ParentId": parent_ids})
    nodes = named.with_columns(ParentId=pl.when(ids != parent_ids).then("ParentId")).with_row_index("Row")
    known = nodes.select("Trace", "Id", Parent="Row")
    left, right = ["Trace", "ParentId"], ["Trace", "Id"]
    found = nodes.join(known, left_on=left, right_on=right, how="left", maintain_order="left")["Parent"]
    return found.fill_null(nodes.height).cast(pl.Int64).to_numpy()


def _jumps(parent: Indices) -> list[Indices]:
    nowhere = len(parent)
    jumps = [np.append(parent, nowhere)]
    # Without a cycle no path is longer than there are nodes.
    for _ in range(nowhere.bit_length() - 1):
        if (jumps[-1] == nowhere).all():
            break
        jumps.append(jumps[-1][jumps[-1]])
    return jumps


def ends(following: Indices) -> Indices:
    """Return the last node that each leads to, where each leads to one further up, or to itself."""
    while not np.array_equal(further := following[following], following):
        following = further
    return following
