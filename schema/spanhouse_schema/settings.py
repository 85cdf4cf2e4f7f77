"""Every setting of Spanhouse, in groups; a command takes those that it uses, as flags and `SPANHOUSE_*` variables."""

from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, ByteSize, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from spanhouse_schema.errors import SettingsError

MIB = 1024 * 1024

# A TTL's date ends in 2106, and wraps: rows that are kept for longer would go at once.
_MOST_DAYS = 10_000

_SERVER_SCHEMES = frozenset({"clickhouse", "clickhouses", "http", "https"})


def _is_address(text: str) -> str:
    address(text)
    return text


Address = Annotated[str, AfterValidator(_is_address)]
"""Where something listens, as `host:port`."""


class Group(BaseSettings):
    """Settings that belong together. Each field is the variable `SPANHOUSE_<FIELD>` in capitals.

    Addresses are `host:port`. Sizes are bytes and take units ("64MiB").
    """

    model_config = SettingsConfigDict(env_prefix="SPANHOUSE_", extra="ignore", frozen=True)

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment; `overrides` (command-line flags that were given) win over it.

        Raises `SettingsError` naming the variable, the value and the accepted form.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)  # type: ignore[arg-type]  # pydantic validates what the command line gives
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error


class DataDirSettings(Group):
    """Where an installation keeps its files."""

    data_dir: Path = Field(
        Path("spanhouse-data"),
        description="Where the embedded database, the spool, the keys and the local admin secret live.",
    )


class StorageSettings(DataDirSettings):
    """Which ClickHouse holds the rows."""

    clickhouse: str = Field(
        "",
        description="DSN of a ClickHouse server, `clickhouse://user:password@host:8123`; empty is the embedded engine.",
    )

    @model_validator(mode="after")
    def _follow_dsn(self) -> Self:
        if self.clickhouse and not _is_dsn(self.clickhouse):
            # Without the value, which may hold a password.
            raise ValueError(
                "SPANHOUSE_CLICKHOUSE is not a DSN that can be followed: write clickhouse://user:password@host:8123, "
                "or clickhouses:// for TLS; percent-encode what means something in a URL; the database is spanhouse"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Whether ClickHouse runs inside this installation (chDB) instead of on a server."""
        return not self.clickhouse or self.clickhouse.startswith("chdb:")


class ControlSettings(DataDirSettings):
    """Which database holds the keys."""

    control: str = Field(
        "",
        description="SQLAlchemy URL of the control database (keys); empty is SQLite in the data directory. PostgreSQL "
        "is `postgresql+psycopg://user:password@host/database`, with `pip install 'spanhouse[server,postgres]'`.",
    )


class EngineSettings(Group):
    """The embedded engine of a process that runs it."""

    engine_memory: ByteSize = Field(
        ByteSize(4 * 1024 * MIB), description="Most memory that the embedded engine may use."
    )


class InstallationSettings(Group):
    """What belongs to an installation: stored in its database, and changed there only where it is given here."""

    retention_days: int | None = Field(
        None,
        ge=0,
        le=_MOST_DAYS,
        description=f"Days that raw rows are kept since they were ingested, {_MOST_DAYS} at most; 0 keeps all.",
    )
    sql_audit_retention_days: int | None = Field(
        None,
        ge=0,
        le=_MOST_DAYS,
        description=f"Days that the audit of the SQL door is kept, {_MOST_DAYS} at most; 0 keeps all.",
    )
    timezone: str | None = Field(
        None,
        description="Where a day begins, for what is counted by day: an IANA name, as Europe/Berlin. "
        "After a change, `spanhouse rebuild --all` counts again the days that were counted.",
    )
    default_budget_usd: Decimal | None = Field(
        None,
        ge=0,
        le=10**12,
        decimal_places=12,
        description="What a tenant may spend in a day, in USD, where no limit was set for it.",
    )

    @field_validator("timezone")
    @classmethod
    def _know_timezone(cls, name: str | None) -> str | None:
        # `localtime` is a file's name, and says nothing to ClickHouse.
        if name is not None and name != "UTC" and name not in available_timezones() - {"localtime"}:
            raise ValueError("not a time zone of the IANA database: write one like Europe/Berlin or UTC")
        return name


class HttpSettings(Group):
    """What every port shares: who may reach it, and how."""

    insecure: bool = Field(False, description="Allow an address that is not loopback although no key exists.")
    tls_cert: Path | None = Field(
        None, description="PEM certificate chain; with SPANHOUSE_TLS_KEY it turns TLS on for OTLP and SQL."
    )
    tls_key: Path | None = Field(None, description="PEM private key of the certificate.")
    cors_origins: Annotated[list[str], NoDecode] = Field(
        [],
        description="Origins whose web pages may export OTLP, and read with a key through the SQL door, "
        "comma-separated; `*` is every origin, for OTLP alone.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_origins(cls, values: dict[str, object]) -> dict[str, object]:
        origins = values.get("cors_origins")
        if isinstance(origins, str):
            values["cors_origins"] = [part.strip() for part in origins.split(",") if part.strip()]
        return values

    @model_validator(mode="after")
    def _pair_tls_files(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("SPANHOUSE_TLS_CERT and SPANHOUSE_TLS_KEY must be given together")
        return self


class OtlpHttpSettings(Group):
    """Where OTLP over HTTP is taken."""

    otlp_http: Address = Field(
        "127.0.0.1:4318", description="Where OTLP/HTTP listens, with /health, /ready and /metrics."
    )


class ReceiveSettings(OtlpHttpSettings, HttpSettings, DataDirSettings):
    """The OTLP receivers and their spool."""

    otlp_grpc: Address = Field("127.0.0.1:4317", description="Where OTLP/gRPC listens.")
    request_limit: ByteSize = Field(
        ByteSize(64 * MIB), description="Largest OTLP request, as sent and once decompressed."
    )
    inflight_limit: ByteSize = Field(
        ByteSize(256 * MIB),
        description="Bytes of requests held in memory at once; past it clients are asked to wait.",
    )
    spool_limit: ByteSize = Field(
        ByteSize(10 * 1024 * MIB),
        description="Bytes of the spool on disk; past it clients are asked to wait.",
    )


class SqlSettings(HttpSettings, DataDirSettings):
    """The SQL door, and what a reader's key may use of it."""

    sql: Address = Field("127.0.0.1:8123", description="Where the embedded engine speaks the ClickHouse HTTP protocol.")
    reader_queries: int = Field(
        4, ge=1, description="Statements that one reader's key may run at once; four times as many wait their turn."
    )
    reader_seconds: int = Field(60, ge=1, description="Most seconds that a reader's statement may run.")
    reader_memory: ByteSize = Field(ByteSize(512 * MIB), description="Most memory that a reader's statement may use.")
    reader_rows: int = Field(10**10, ge=1, description="Most rows that a reader's statement may read.")
    reader_bytes: ByteSize = Field(
        ByteSize(1024 * 1024 * MIB), description="Most bytes, uncompressed, that a reader's statement may read."
    )


class LogSettings(Group):
    """How a process that runs writes its log."""

    log_format: str = Field(
        "auto",
        pattern="^(auto|json|console)$",
        description="`json`, `console`, or `auto`: by whether it is a terminal.",
    )


class CollectorProcess(StorageSettings, ControlSettings, InstallationSettings, ReceiveSettings, LogSettings):
    """What a collector needs to know."""


class Migration(StorageSettings, ControlSettings, InstallationSettings):
    """What `spanhouse migrate up` needs to know."""


class Demo(OtlpHttpSettings, LogSettings):
    """What `spanhouse demo` needs to know."""


class EngineProcess(ControlSettings, EngineSettings, InstallationSettings, SqlSettings, LogSettings):
    """What an engine with its SQL door needs to know."""


class Settings(CollectorProcess, EngineProcess):  # type: ignore[misc]  # pydantic's plugin gives each class a model_construct
    """Every setting."""


GROUPS: tuple[type[Group], ...] = (
    StorageSettings,
    ControlSettings,
    EngineSettings,
    InstallationSettings,
    HttpSettings,
    ReceiveSettings,
    SqlSettings,
    LogSettings,
)
"""The groups, as the manual lists them."""


def address(text: str) -> tuple[str, int]:
    """Split `host:port` (IPv6 hosts in brackets). Raises `ValueError` with the accepted form."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address: write host:port, for example 127.0.0.1:4318")
    return host, int(port)


def is_loopback(text: str) -> bool:
    """Whether the address `host:port` can be reached from this machine only."""
    host, _ = address(text)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_dsn(text: str) -> bool:
    """Whether every part of the DSN means something to us: what is ignored would lead to another server's rows."""
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    if url.query or url.fragment:
        return False
    if url.scheme == "chdb":
        return not url.netloc and not url.path
    return url.scheme in _SERVER_SCHEMES and has_host and url.path.strip("/") in {"", "spanhouse"}


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = f"SPANHOUSE_{problem['loc'][0]}".upper() if problem["loc"] else "settings"
        lines.append(f"{name}: {problem['msg']} (got {problem['input']!r})" if problem["loc"] else problem["msg"])
    return "; ".join(lines)
