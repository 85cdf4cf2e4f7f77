"""Whether what comes to our ports is encrypted: all of them have TLS, or none has."""

from spanhouse_schema.settings import HttpSettings, is_loopback


def scheme(settings: HttpSettings) -> str:
    """Return how our ports are spoken to: https when a certificate is set."""
    return "https" if settings.tls_cert else "http"


def clear_text(settings: HttpSettings, *listens: str) -> str:
    """Return which addresses of the settings in `listens` other machines reach without TLS, '' when none."""
    values = [] if settings.tls_cert else [getattr(settings, name) for name in listens]
    return ", ".join(value for value in values if not is_loopback(value))
