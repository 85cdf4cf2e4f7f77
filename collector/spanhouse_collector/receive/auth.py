"""Who sends a request: the key that it brought, in either of two headers, and what that key allows."""

from spanhouse_collector.errors import PermissionDenied, Unauthenticated
from spanhouse_schema.access.key_ring import Grant, KeyRing, Scope
from spanhouse_schema.errors import UnknownKey


def authorize(keys: KeyRing, authorization: str | None, api_key: str | None) -> Grant:
    """Return what a request with these headers (`Authorization: Bearer …`, `x-api-key: …`) may do.

    Raises `Unauthenticated` without a key that is live, `PermissionDenied` when its key may not export.
    """
    try:
        grant = keys.grant(_secret(authorization, api_key))
    except UnknownKey as error:
        raise Unauthenticated(str(error)) from error
    if not grant.allows(Scope.INGEST):
        raise PermissionDenied(f"a key of scope {grant.scope} may not export: make one with --scope ingest")
    return grant


def _secret(authorization: str | None, api_key: str | None) -> str | None:
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    # A proxy may authenticate itself in the one header, and leave the other to the client.
    if authorization and not api_key:
        raise Unauthenticated("the authorization header is not `Bearer KEY`")
    return api_key
