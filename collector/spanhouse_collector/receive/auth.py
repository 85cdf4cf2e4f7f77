"""Who sends a request: the key that it brought, in either of two headers, and what that key allows."""

from collections.abc import Mapping

from spanhouse_schema.access.key_ring import Grant, KeyRing, Scope
from spanhouse_schema.errors import UnknownKey
from spanhouse_web.credentials import authorization
from spanhouse_web.errors import PermissionDenied, Unauthenticated


def authorize(keys: KeyRing, headers: Mapping[str, str]) -> Grant:
    """Return what a request with these headers (`Authorization: Bearer …`, `x-api-key: …`) may do.

    Raises `Unauthenticated` without a key that is live, `PermissionDenied` when its key may not export.
    """
    try:
        grant = keys.grant(_secret(headers))
    except UnknownKey as error:
        raise Unauthenticated(str(error)) from error
    if not grant.allows(Scope.INGEST):
        raise PermissionDenied(f"a key of scope {grant.scope} may not export", "make one with --scope ingest")
    return grant


def _secret(headers: Mapping[str, str]) -> str | None:
    given, api_key = authorization(headers), headers.get("x-api-key")
    if given and given.scheme == "bearer" and given.secret:
        return given.secret
    # A proxy may authenticate itself in the one header, and leave the other to the client.
    if given and not api_key:
        raise Unauthenticated("the authorization header is not `Bearer KEY`")
    return api_key
