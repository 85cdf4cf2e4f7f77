"""Write `docs/configuration.md` from the settings themselves: `make docs`. A test holds the two together."""

from pathlib import Path

from spanhouse.cli._flags import shown_default
from spanhouse_schema.settings import Settings

TARGET = Path(__file__).with_name("configuration.md")

_HEAD = """\
<!-- Written by docs/generate.py from spanhouse_schema/settings.py: change it there, and run `make docs`. -->

# Configuration

Every setting is an environment variable and, for the commands that use it, a flag of the same name:
`SPANHOUSE_DATA_DIR` is `--data-dir`. A flag wins over its variable, a variable over the default. A value that cannot be
used is refused at start, naming the variable, the value and the accepted form. `spanhouse doctor` points out variables
that are no setting.

Addresses are `host:port`. Sizes are bytes and take units: `64MiB`, `10GB`.

| variable | default | what it is |
| --- | --- | --- |
"""


def configuration() -> str:
    """Return the page: a row for each setting, in the order in which they are declared."""
    rows = [
        f"| `SPANHOUSE_{name.upper()}` | {_code(shown_default(field))} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return _HEAD + "".join(rows)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    TARGET.write_text(configuration())
