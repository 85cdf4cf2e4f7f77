"""The row policies of a ClickHouse server: three kinds of each relation with tenants' rows, none widens another.

- Restrictive, for each tenant: who has the tenant's role sees that tenant's rows. ClickHouse ANDs restrictive policies,
  so no policy of anybody else's shows one row more; who has the roles of two tenants sees nothing.
- Restrictive, the default: everybody else sees nothing, whoever made them and whatever they were granted. Excepted are
  the owner, and who has the role `spanhouse_all_tenants`, which is the operator's to grant.
- Permissive, everything to all: so that the restrictive ones alone decide, also on a server that is set to show
  nothing to users without a permissive policy.

What shows those rows under another name, as a materialized view does, has no tenant's policy.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spanhouse_schema.access.row_filters import Relation
from spanhouse_schema.quoting import identifier, literal

ALL_TENANTS = "spanhouse_all_tenants"
TENANT = "spanhouse_tenant_"
DEFAULT = "spanhouse_default"
OPEN = "spanhouse_open"


class Policy(NamedTuple):
    """One row policy on several tables of `spanhouse`; `condition` and `to` are SQL."""

    name: str
    tables: tuple[str, ...]
    kind: str
    condition: str
    to: str

    def create(self) -> str:
        """The statement that makes it, or puts it in the place of what has its name. Nobody refers to a policy."""
        on = ", ".join(map(table, self.tables))
        return (
            f"CREATE ROW POLICY OR REPLACE {identifier(self.name)} ON {on} "
            f"AS {self.kind} FOR SELECT USING {self.condition} TO {self.to}"
        )


def policies(relations: Sequence[Relation], tenants: Sequence[str], owner: str) -> list[Policy]:
    """The policies for these tenants, the narrower before the wider: a role is excepted once its own policy stands."""
    readable = [relation for relation in relations if relation.is_tenants]
    # Not what only passes rows on: a policy there takes them from the views behind it, and there are none to show.
    closed = [each for each in relations if each.tenant_column and not each.is_tenants and each.engine != "Null"]
    free = (owner, ALL_TENANTS)
    return [
        *(policy for tenant in tenants for policy in _tenants(readable, tenant)),
        *_everybody(readable, (*free, *(TENANT + tenant for tenant in tenants))),
        *_everybody(closed, free),
    ]


def table(name: str) -> str:
    """A table of `spanhouse`, as a statement names it."""
    return f"`spanhouse`.{identifier(name)}"


def names(*each: str) -> str:
    """Names, as a statement lists them."""
    return ", ".join(map(identifier, each))


def _tenants(readable: Sequence[Relation], tenant: str) -> Iterable[Policy]:
    for column in sorted({relation.tenant_column for relation in readable}):
        tables = tuple(relation.name for relation in readable if relation.tenant_column == column)
        condition = f"{identifier(column)} = {literal(tenant)}"
        yield Policy(TENANT + tenant, tables, "RESTRICTIVE", condition, identifier(TENANT + tenant))


def _everybody(relations: Sequence[Relation], excepted: Sequence[str]) -> Iterable[Policy]:
    if relations:
        tables = tuple(relation.name for relation in relations)
        yield Policy(DEFAULT, tables, "RESTRICTIVE", "0", f"ALL EXCEPT {names(*excepted)}")
        yield Policy(OPEN, tables, "PERMISSIVE", "1", "ALL")
