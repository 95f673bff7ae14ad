import pytest

from gateway.providers.issuers import is_issuer, is_shared, tenant_of

SCHOOL = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
OTHER = "11111111-2222-3333-4444-555555555555"
SHARED = "https://login.example/{tenantid}/v2.0"


@pytest.mark.parametrize(
    ("configured", "said", "same"),
    [
        ("https://idp.example", "https://idp.example", True),
        ("https://idp.example", "https://idp.example/", False),
        ("https://idp.example", None, False),
        (SHARED, f"https://login.example/{SCHOOL}/v2.0", True),
        (SHARED, SHARED, False),
        (SHARED, f"https://login.example/{SCHOOL.upper()}/v2.0", False),
        (SHARED, f"https://login.example/{SCHOOL}/v1.0", False),
        (SHARED, f"https://login.evil/{SCHOOL}/v2.0", False),
        (SHARED, f"https://login.example/{SCHOOL}/../{OTHER}/v2.0", False),
        (SHARED, "https://login.example//v2.0", False),
        (SHARED, "https://login.example/v2.0", False),
    ],
)
def test_whose_issuer_it_is(configured: str, said: object, same: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
    assert is_issuer(configured, said) is same


def test_which_organisation_it_is() -> None:
    assert (is_shared(SHARED), is_shared("https://idp.example")) == (True, False)
    assert tenant_of(SHARED, f"https://login.example/{SCHOOL}/v2.0") == SCHOOL
    assert tenant_of("https://idp.example", "https://idp.example") is None
