import inspect

import pytest

from gateway import errors
from gateway.errors import GatewayError, StoreUnavailableError

FAMILY = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, GatewayError) and kind is not GatewayError
]


@pytest.mark.parametrize("kind", FAMILY)
def test_each_refusal_has_a_status_a_code_and_a_sentence(kind: type[GatewayError]) -> None:
    assert 400 <= kind.status <= 599
    assert kind.code == kind.code.lower()
    assert kind.code.replace("_", "").isalpha()
    assert kind.description.endswith(".")


def test_one_code_is_one_refusal() -> None:
    codes = [(kind.code, kind.status) for kind in FAMILY]
    assert len(set(codes)) == len(codes)


def test_doubtful_sessions_close_the_connection() -> None:
    refusal = StoreUnavailableError("redis", retry_after=1)
    assert (refusal.close, refusal.retry_after, refusal.detail) == (True, 1, "redis")


def test_the_detail_is_for_the_log_and_never_the_description() -> None:
    assert "10.0.0.5" not in errors.BackendBrokenError("10.0.0.5 refused").description
