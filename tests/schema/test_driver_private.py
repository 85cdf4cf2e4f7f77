"""What is relied on of clickhouse-connect beyond its documented interface.

`clickhouse-connect>=1.12,<2` is satisfied by 1.12.0 alone at this time, so that is both the oldest and the newest
version that these tests can run with.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

from spanhouse_schema import Database
from spanhouse_schema.clickhouse._driver_private import build_connection_string

ROOT = Path(__file__).parent.parent.parent


def test_every_spelling_of_a_directory_is_one_connection_string(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "engine")
    (tmp_path / "engine").mkdir()
    spellings = ("engine", "engine/", "../" + tmp_path.name + "/engine", "link")
    assert {build_connection_string(f"{tmp_path}/{name}", None) for name in spellings} == {str(tmp_path / "engine")}


def test_options_follow_as_a_query_that_can_be_taken_apart_again(tmp_path: Path) -> None:
    path, _, query = build_connection_string(str(tmp_path), {"config-file": "/a b/c&d.xml"}).partition("?")
    assert (path, parse_qs(query)) == (str(tmp_path), {"config-file": ["/a b/c&d.xml"]})


def test_clients_of_the_library_share_the_engine_that_we_have_opened(database: Database) -> None:
    with database.connect() as ours:
        ours.query("CREATE TABLE spanhouse.shared_engine (a UInt8) ENGINE = Memory")
        assert database.rows("EXISTS spanhouse.shared_engine") == [(1,)]
        ours.query("DROP TABLE spanhouse.shared_engine")


def test_no_other_module_uses_a_private_name_of_the_library() -> None:
    files = [path for folder in ("schema", "collector", "api", "server") for path in (ROOT / folder).rglob("*.py")]
    users = [path.name for path in files if any("._" in name for name in _imported(path))]
    assert users == ["_driver_private.py"]


def _imported(path: Path) -> Iterator[str]:
    """The names that a module imports from clickhouse-connect."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        yield from (module + name for name in names if (module + name).startswith("clickhouse_connect"))
