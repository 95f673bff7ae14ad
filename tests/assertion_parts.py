"""A backend that is told who somebody is."""

from gateway.routes import Address, AssertionRule, Backend, BackendTls, InFlight, Subject, Timeouts


def backend(name: str = "storage", rule: AssertionRule | None = None) -> Backend:
    return Backend(
        name=name,
        addresses=(Address.of("http://127.0.0.1:1/"),),
        subject=Subject.PERSON,
        assertion=rule or AssertionRule(),
        headers={},
        origin="drop",
        host="backend",
        request_cookies=frozenset(),
        response_cookies=frozenset(),
        rewrite_location=True,
        timeouts=Timeouts(),
        in_flight=InFlight(),
        max_body=1000,
        websocket=False,
        tls=BackendTls(),
    )
