"""One shape of refusal, whoever answers."""

import pytest

from spanhouse_collector.receive import responses
from spanhouse_web import errors
from spanhouse_web.errors import Busy, RequestRefused, TooLarge, Unauthenticated

_KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RequestRefused)]


def test_the_text_is_the_message_and_the_hint() -> None:
    refused = TooLarge("it is over 5 bytes", "send less")
    assert (str(refused), refused.message, refused.hint) == (
        "it is over 5 bytes: send less",
        "it is over 5 bytes",
        "send less",
    )
    assert str(TooLarge("it is over 5 bytes")) == "it is over 5 bytes"


def test_headers_say_how_to_authenticate_and_when_to_come_again() -> None:
    assert Unauthenticated("who?").headers("Bearer") == {"www-authenticate": "Bearer"}
    assert Busy("full", 3).headers("Bearer") == {"retry-after": "3"}
    assert TooLarge("large").headers("Bearer") == {}


@pytest.mark.parametrize("kind", _KINDS)
def test_every_refusal_can_be_answered_over_otlp(kind: type[RequestRefused]) -> None:
    status = responses.refusal(kind("so it is"))
    assert (status.code, status.message) == (responses.grpc_code(kind("")).value[0], "so it is")
