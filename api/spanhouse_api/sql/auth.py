"""Who may use the SQL door: the holder of the local admin secret, or of a key that may read."""

from collections.abc import Mapping

from spanhouse_api.sql.errors import NoSecret, Refused
from spanhouse_schema.access.key_ring import Grant, KeyRing, Scope
from spanhouse_schema.errors import UnknownKey
from spanhouse_web.credentials import authorization


def admit(keys: KeyRing, headers: Mapping[str, str], given: Mapping[str, str]) -> Grant:
    """What the secret of a request allows: everything (an admin's), or to read its tenant's rows. Raises `Refused`."""
    secret = secret_of(headers, given)
    if not secret and "origin" in headers:
        raise NoSecret("a web page always needs a key: send it as `Authorization: Bearer KEY`")
    try:
        grant = keys.grant(secret, keyless=Scope.READ)
    except UnknownKey as error:
        if not secret:
            raise NoSecret(
                "a key that may read is needed: send it as the password, with any user name, or as "
                "`Authorization: Bearer KEY`"
            ) from error
        raise Refused(516, "AUTHENTICATION_FAILED", f"Authentication failed: {error}") from error
    if not grant.allows(Scope.READ):
        reason = f"a key of scope {grant.scope} does not open this door; one of scope read does"
        raise Refused(497, "ACCESS_DENIED", f"Not enough privileges: {reason}")
    return grant


def secret_of(headers: Mapping[str, str], given: Mapping[str, str]) -> str:
    """The secret that a request brings, '' when none.

    ClickHouse's clients send it in several places: the header Authorization (Basic: the password, or Bearer), the
    header X-ClickHouse-Key, the URL parameter password. Raises `Refused` for an Authorization that is none of these.
    """
    authorized = authorization(headers)
    if authorized is None:
        # What is not UTF-8 in a URL is no key either.
        return headers.get("x-clickhouse-key") or given.get("password", "").encode(errors="replace").decode()
    scheme, secret = authorized
    if secret is None:
        wrong = "not Basic credentials" if scheme == "basic" else f"the scheme '{scheme[:40]}' is not supported"
        raise Refused(516, "AUTHENTICATION_FAILED", f"Invalid authentication: {wrong}")
    return secret
