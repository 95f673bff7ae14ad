"""An origins.yaml with something of everything, and what tests ask of such files."""

from datetime import date

import pytest

from gateway.config.faults import ConfigError, Fault
from gateway.config.origins_file import Parsed, parse_origins
from gateway.origins import Policy, PolicyTable, parse_origin

BACKENDS = ("storage", "analytics", "grades")
TODAY = date(2027, 2, 20)

EXAMPLE = """\
version: 1
unlisted: consent
unlisted_policy: guest-book
defaults: {trust: consent, max_age: 2h}
policies:
  guest-book: {backends: [storage], limits: {per_person: 5/s}}
  book: {trust: trusted, backends: [storage, analytics]}
groups:
  our-books:
    description: Books we publish ourselves
    owner: web-team@example.edu
    contact: books-help@example.edu
    policy: book
    origins:
      - https://books.example.edu
      - https://*.books.example.edu        # any depth
      - origin: https://atlas.example.edu:8443
        book: atlas
        note: staging, ticket OPS-412
        expires: "2027-03-01"
      - origin: https://ada-l.github.io
        books: {/logic/: ada-logic, /cs1/: ada-cs1}
      - {origin: https://thinkcs.org, book: atlas, shares_book: true}
  authors-at-home:
    policy: book
    trust: consent
    origins: ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"]
  partner-service:
    backends: [grades]
    read_only: true
    request_headers: [X-Partner]
    expose_headers: [x-total]
    max_age: 10m
    redirects: ["https://lms.partner.example/after-sign-in"]
    sign_in: [campus, lti]
    limits: {per_origin: 200/s, bytes: 1GB/d}
    origins: [https://lms.partner.example]
  blocked:
    trust: denied
    origins: [https://scraper.example.net, https://old.books.example.edu]
"""


def parse(text: str | bytes, today: date | None = None) -> Parsed:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_origins({"origins.yaml": data}, BACKENDS, today)


def faults_of(text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value.faults


def places(faults: tuple[Fault, ...]) -> list[tuple[int, str]]:
    return [(fault.line, fault.code) for fault in faults]


def find(table: PolicyTable, header: str) -> Policy | None:
    origin = parse_origin(header)
    assert origin is not None
    return table.find(origin, TODAY)


def listing(item: str, group: str = "") -> str:
    """A file whose line 7 is the one item of a trusted group, with more of the group below."""
    return f"""\
version: 1
policies: {{book: {{trust: trusted, backends: [storage]}}}}
groups:
  books:
    policy: book
    origins:
      - {item}
{group}"""


def replaced(old: str, new: str) -> str:
    assert EXAMPLE.count(old) == 1, old
    return EXAMPLE.replace(old, new)
