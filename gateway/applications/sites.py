"""Applications as gateway.yaml names them: a host, its origin, and what is decided by."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.cors import METHODS
from gateway.origins import Limits, Policy, Trust
from gateway.proxy.decide import Site
from gateway.routes import RouteTable

CONTINUE = "/auth/continue"
# by which frameworks let their own pages prove that a request is theirs
_TOKENS = frozenset({"x-csrf-token", "x-csrftoken", "x-xsrf-token", "x-xsrftoken"})


@dataclass(frozen=True, slots=True)
class Application:
    """origin: of its pages, which is its client_id. policy: what its own pages may do there."""

    origin: str
    backend: str
    site: Site
    policy: Policy

    @property
    def books(self) -> tuple[str, ...]:
        """What its backend is told as the book: the host itself."""
        return (self.site.authority.replace(":", "-"),)

    @property
    def redirect_uri(self) -> str:
        """Where a code goes, and nowhere else."""
        return self.origin + CONTINUE


def applications_of(routes: RouteTable, public_url: str) -> Mapping[str, Application]:
    """By host, as it stands in `Host`."""
    scheme = public_url.partition("://")[0]
    found: dict[str, Application] = {}
    for host, own in routes.hosts.items():
        (backend,) = {route.backend for route in own.routes}
        origin = f"{scheme}://{host}"
        found[host] = Application(origin, backend, Site.of(origin, own), _policy(origin, backend))
    return found


def _policy(origin: str, backend: str) -> Policy:
    """Ops wrote the host beside the service itself: nobody is asked whether it may know who they are."""
    return Policy(
        group=f"host of {backend}",
        line=0,
        trust=Trust.TRUSTED,
        backends=frozenset({backend}),
        methods=METHODS,
        request_headers=_TOKENS,
        expose_headers=(),
        max_age=0,
        credentials=True,
        books={},
        redirects=frozenset({origin + CONTINUE}),
        sign_in=None,
        limits=Limits(),
        expires=None,
        contact=None,
        application=True,
    )
