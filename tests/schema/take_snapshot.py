"""Write down what a new database consists of: `make snapshot`, once a release.

The statements make the same database again; later versions must bring it to what a new one of theirs is.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from spanhouse import __version__
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from tests.support.schema_objects import objects

SNAPSHOTS = Path(__file__).parent / "snapshots"


def main() -> None:
    """Write snapshots/<version>.sql."""
    with TemporaryDirectory() as directory:
        database = Database.open(Settings.load(data_dir=Path(directory)))
        migrate.upgrade(database)
        made = sorted(objects(database).values(), key=_rank)
        ((versions,),) = database.rows("SHOW CREATE TABLE spanhouse.alembic_version")
        recorded = database.rows("SELECT kind, name, hash FROM spanhouse.definitions ORDER BY name")
        database.close()
    rows = ",\n".join(f"('{kind}', '{name}', '{hash_}', now64(6))" for kind, name, hash_ in recorded)
    statements = [
        *made,
        versions,
        f"INSERT INTO spanhouse.alembic_version VALUES ('{migrate.HEAD}')",
        f"INSERT INTO spanhouse.definitions (kind, name, hash, applied_at) VALUES\n{rows}",
    ]
    text = "".join(f"{statement};\n\n" for statement in statements)
    (SNAPSHOTS / f"{__version__}.sql").write_text(
        f"-- A new database of {__version__}. Written by `make snapshot`.\n\n{text}"
    )


def _rank(statement: str) -> int:
    """Functions and tables first: a view is refused that reads what is not there."""
    return ("CREATE MATERIALIZED VIEW" in statement) + 2 * statement.startswith("CREATE VIEW")


if __name__ == "__main__":
    main()
