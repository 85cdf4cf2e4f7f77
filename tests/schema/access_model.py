"""ClickHouse's rules of who sees which row, in a few lines, for what no embedded engine can be asked.

From its manual and its sources: of the policies that match a user, restrictive ones are ANDed and permissive ones ORed;
a policy names users and roles by identity, so one that was dropped and made anew is another; roles count while they
are enabled.
"""

import re
from itertools import count
from typing import NamedTuple

_QUOTED = re.compile(r"`((?:[^`\\]|\\.)*)`")
_POLICY = re.compile(
    r"CREATE ROW POLICY OR REPLACE (?P<name>.+?) ON (?P<on>.+) AS (?P<kind>RESTRICTIVE|PERMISSIVE) "
    r"FOR SELECT USING (?P<condition>.+) TO (?P<all>ALL(?: EXCEPT )?)?(?P<to>.*)",
    re.DOTALL,
)


class _Policy(NamedTuple):
    restrictive: bool
    condition: str
    everybody: bool
    named: frozenset[int]

    def matches(self, who: frozenset[int]) -> bool:
        return not who & self.named if self.everybody else bool(who & self.named)

    def shows(self, tenant: str) -> bool:
        return self.condition in {"1", f"= {tenant}"}


class Server:
    """The users of a server; `open_by_default` is its setting `users_without_row_policies_can_read_rows`."""

    def __init__(self, *users: str, open_by_default: bool) -> None:
        self._open = open_by_default
        self._new_id = count()
        self.ids: dict[str, int] = {user: next(self._new_id) for user in users}
        self.users: set[str] = set(users)
        self.members: dict[int, frozenset[int]] = {}
        self.readable: dict[int, frozenset[str]] = {}
        self.policies: dict[tuple[str, str], _Policy] = {}

    def run(self, statement: str) -> None:
        """Carry out one statement, as far as it is about users, roles, policies and grants."""
        found = _names(statement)
        if statement.startswith("CREATE ROW POLICY"):
            self._create_policy(statement)
        elif statement.startswith(("CREATE USER", "CREATE ROLE")):
            new = [found[0]] if "USER" in statement else found
            self.users |= set(new) if "USER" in statement else set()
            self.ids |= {name: next(self._new_id) for name in new if name not in self.ids}
        elif statement.startswith("GRANT SELECT"):
            self.readable[self.ids[found[-1]]] = frozenset(found[1:-1:2])
        elif statement.startswith("GRANT"):
            self.members[self.ids[found[1]]] = frozenset({self.ids[found[0]]})
        elif statement.startswith("DROP ROW POLICY"):
            del self.policies[found[0], found[2]]
        elif statement.startswith("DROP"):
            self.users.discard(found[0])
            del self.ids[found[0]]

    def enabled(self, user: str) -> frozenset[int]:
        """The identities that a user has: their own, and of the roles that are theirs, directly or not."""
        found: set[int] = set()
        left = {self.ids[user]}
        while left:
            found |= left
            left = {role for each in left for role in self.members.get(each, ())} & set(self.ids.values()) - found
        return frozenset(found)

    def may_read(self, user: str, table: str) -> bool:
        """Whether a user has the grant to read a table."""
        return any(table in self.readable.get(each, ()) for each in self.enabled(user))

    def shows(self, table: str, tenant: str, who: frozenset[int]) -> bool:
        """Whether the policies on a table show a tenant's row to whoever has these identities."""
        matching = [each for (_, on), each in self.policies.items() if on == table and each.matches(who)]
        permissive = [each.shows(tenant) for each in matching if not each.restrictive]
        shown = any(permissive) if permissive else self._open
        return shown and all(each.shows(tenant) for each in matching if each.restrictive)

    def _create_policy(self, statement: str) -> None:
        parts = _POLICY.fullmatch(statement)
        assert parts, statement
        (name,) = _names(parts["name"])
        tenant = re.fullmatch(r"`[^`]+` = '(.*)'", parts["condition"], re.DOTALL)
        condition = f"= {_unquoted(tenant[1])}" if tenant else parts["condition"]
        named = frozenset(self.ids[each] for each in _names(parts["to"]))
        policy = _Policy(parts["kind"] == "RESTRICTIVE", condition, bool(parts["all"]), named)
        for table in _names(parts["on"])[1::2]:
            self.policies[name, table] = policy


def _names(sql: str) -> list[str]:
    return [_unquoted(text) for text in _QUOTED.findall(sql)]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
