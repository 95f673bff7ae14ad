"""A policy of the tests: trusted, nothing special; `dataclasses.replace` makes the others."""

from gateway.origins import Limits, Policy, Trust

POLICY = Policy(
    group="books",
    line=1,
    trust=Trust.TRUSTED,
    backends=frozenset({"storage"}),
    methods=("GET", "POST"),
    request_headers=frozenset(),
    expose_headers=(),
    max_age=7200,
    credentials=True,
    books={},
    redirects=frozenset(),
    sign_in=None,
    limits=Limits(),
    expires=None,
    contact=None,
)
