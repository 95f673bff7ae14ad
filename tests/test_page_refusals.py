import inspect

from gateway import errors
from gateway.errors import GatewayError
from gateway.pages.refusals import REFUSALS

# What only programs are answered: none of our pages, and no address that somebody opens, ends in these.
FOR_PROGRAMS = {
    "unsupported_grant_type",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "cookie_required",
    "interaction_required",
    "invalid_token",
    "consent_required",
    "sign_in_required",
    "guests_refused",
    "person_changed",
    "session_exists",
    "expectation_failed",
    "too_many_guests",
    "not_graded",
}


def test_every_refusal_has_words_for_people_or_is_for_programs_alone() -> None:
    codes = {
        each.code for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, GatewayError)
    }
    assert codes - FOR_PROGRAMS == set(REFUSALS)


def test_no_title_ends_as_a_sentence_and_every_line_does() -> None:
    for title, line in REFUSALS.values():
        assert not title.endswith(".")
        assert line.endswith(".")
