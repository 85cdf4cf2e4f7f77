"""Doctor's checks of the machine: settings, versions, permissions, disk, memory, addresses."""

import os
import platform
import shutil
import ssl
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.metadata import version

from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.access.key_ring import admits_keyless
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.errors import AdminKeyUnusable, NoControlDatabase, SettingsError
from spanhouse_schema.settings import Settings
from spanhouse_server.doctor.finding import Finding, fail, ok, warn
from spanhouse_server.doctor.probe import is_free, is_spanhouse
from spanhouse_server.tls import clear_text

_LIBRARIES = ("spanhouse", "chdb", "clickhouse-connect", "grpcio", "protobuf", "uvicorn", "sqlalchemy")
_LISTENS = ("otlp_http", "otlp_grpc", "sql")
# What a process that is instrumented reads; no process here does.
_SDK_VARIABLES = frozenset({"SPANHOUSE_API_URL", "SPANHOUSE_API_KEY"})
_LEAST_FREE_BYTES = 1024**3
_GIB = 1024**3


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Look for variables that are not settings, and for TLS files that do not belong together."""
    known = {f"SPANHOUSE_{name.upper()}" for name in Settings.model_fields} | _SDK_VARIABLES
    strange = [name for name in os.environ if name.startswith("SPANHOUSE_") and name not in known]
    for name in strange:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "docs/configuration.md lists them all"
        yield warn("settings", f"the variable {name} is not a setting and is ignored", hint)
    if settings.tls_cert and settings.tls_key:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
        except OSError as error:
            yield fail("settings", f"TLS cannot start: {error}", "check SPANHOUSE_TLS_CERT and SPANHOUSE_TLS_KEY")
    if not strange:
        yield ok("settings", "every SPANHOUSE_ variable is known")


def check_versions(_settings: Settings) -> Iterator[Finding]:
    """Name what is installed."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    yield ok("versions", f"Python {platform.python_version()}, {libraries}")


def check_permissions(settings: Settings) -> Iterator[Finding]:
    """Look at who may read and write the data directory and what is in it."""
    directory = settings.data_dir
    if not directory.exists():
        yield ok("permissions", f"{directory} does not exist yet; `spanhouse up` makes it")
        return
    if not os.access(directory, os.W_OK | os.X_OK):
        yield fail("permissions", f"{directory} cannot be written by this user", f"chown or chmod {directory}")
        return
    for path in (directory, directory / "control.db"):
        if path.exists() and path.stat().st_mode & 0o077:
            keep_out = "700" if path.is_dir() else "600"
            yield warn("permissions", f"other users can look into {path}", f"chmod {keep_out} {path}")
    try:
        admin_secret(directory, create=False)
        yield ok("permissions", f"{directory} can be written, and admin.key is its owner's alone")
    except AdminKeyUnusable as error:
        if (directory / "admin.key").exists():
            yield fail("permissions", "admin.key cannot be used", str(error))


def check_exposure(settings: Settings) -> Iterator[Finding]:
    """Look whether other machines could write without a key."""
    if settings.insecure:
        yield warn("keys", "--insecure lets in whoever reaches an address that is not loopback", "make keys instead")
        return
    live = _live_keys(settings)
    try:
        admits_keyless(settings, live, _LISTENS)
        yield ok("keys", f"live keys: {live}" if live else "no key exists: loopback needs none")
    except SettingsError as error:
        yield fail("keys", "other machines could write without a key, so `spanhouse up` refuses to start", str(error))


def check_tls(settings: Settings) -> Iterator[Finding]:
    """Look whether other machines send their keys unencrypted."""
    if exposed := clear_text(settings, *(_LISTENS if settings.embedded else _LISTENS[:2])):
        message = f"keys and data cross the network unencrypted on {exposed}"
        yield warn("tls", message, "set --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has TLS")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Look at the room on the disk that holds the data directory."""
    existing = next(
        path for path in (settings.data_dir.resolve(), *settings.data_dir.resolve().parents) if path.exists()
    )
    free = shutil.disk_usage(existing).free
    room = f"{free / _GIB:.1f} GiB are free in {existing}"
    if free < _LEAST_FREE_BYTES:
        yield fail("disk", room, "make room: with a full disk clients are told to wait")
    elif free < settings.spool_limit:
        limit = settings.spool_limit.human_readable()
        yield warn("disk", f"{room}, less than the spool may take ({limit})", "make room, or lower --spool-limit")
    else:
        yield ok("disk", room)


def check_memory(settings: Settings) -> Iterator[Finding]:
    """Compare the memory that the engine may use with what there is."""
    if not settings.embedded:
        return
    there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    message = f"the engine may use {settings.engine_memory.human_readable()} of {there_is / _GIB:.1f} GiB"
    if settings.engine_memory > there_is:
        yield warn("memory", message, "lower --engine-memory, or the system may end the process")
    else:
        yield ok("memory", message)


def check_addresses(settings: Settings) -> Iterator[Finding]:
    """Look who listens where Spanhouse listens, or would."""
    for name in _LISTENS if settings.embedded else _LISTENS[:2]:
        value = getattr(settings, name)
        flag = f"--{name.replace('_', '-')}"
        if is_free(value):
            yield ok("addresses", f"{value} is free ({flag})")
        elif is_spanhouse(settings, name):
            yield ok("addresses", f"Spanhouse listens on {value} ({flag})")
        else:
            yield fail(
                "addresses",
                f"another program listens on {value}, or this machine has no such address ({flag})",
                f"stop it (`ss -ltnp` names it), or choose another address with {flag}",
            )


def _live_keys(settings: Settings) -> int:
    try:
        with ControlDatabase.open(settings, "read") as control:
            return len(KeyStore(control).grants())
    except NoControlDatabase:
        return 0
