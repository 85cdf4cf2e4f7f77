"""The checksum of ClickHouse's frames, against those that the engine itself writes into its files."""

from pathlib import Path

import pytest

from spanhouse_api.sql.framing import checksum
from spanhouse_schema import Database


@pytest.mark.parametrize("size", [1, 7, 8, 15, 16, 17, 31, 100, 118, 119, 120, 127, 200, 247, 248, 256, 1000, 40_000])
def test_the_engine_has_the_same_checksums(database: Database, size: int) -> None:
    database.command(
        f"CREATE OR REPLACE TABLE spanhouse.checksums (a FixedString({size}) CODEC(NONE)) ENGINE = MergeTree "
        "ORDER BY () SETTINGS min_bytes_for_wide_part = 0",
        settings={"allow_suspicious_fixed_string_types": 1},
    )
    database.command(f"INSERT INTO spanhouse.checksums SELECT randomFixedString({size})")
    ((path,),) = database.rows("SELECT path FROM system.parts WHERE table = 'checksums' AND active")
    file = Path(path, "a.bin").read_bytes()
    assert int.from_bytes(file[17:21], "little") == len(file) - 16, "one frame"
    assert checksum(file[16:]) == file[:16]
    database.command("DROP TABLE spanhouse.checksums")
