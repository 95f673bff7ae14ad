"""Applications on hosts of their own, wired: their door, and the way of their requests."""

from dataclasses import replace

from gateway.app.core import Core
from gateway.applications import Applications, Door, HostSessions, applications_of
from gateway.pages.render import Renderer
from gateway.pages.transactions import Transactions
from gateway.proxy.plain import forwarding
from gateway.proxy.wiring import Wiring
from gateway.sealing import encoded


def make_applications(core: Core, renderer: Renderer) -> Applications:
    """How their requests are forwarded is yet to be said: `forward_applications`."""
    settings = core.settings
    url = settings.public_url

    def secret() -> str:
        return encoded(core.token(32))

    transactions = Transactions(core.grants, secret, settings.sign_in.per_address)
    door = Door(
        url, transactions, core.grants, core.sessions, core.directory.places, renderer, secret, core.clock
    )
    return Applications(url.partition("://")[2], applications_of(settings.routes, url), door)


def forward_applications(core: Core, applications: Applications, wiring: Wiring) -> None:
    """As all others, but for the host's own routes, its own name and its own cookie."""
    for host, application in applications.sites.items():
        sessions = HostSessions(core.quick, core.clock)
        applications.forwards[host] = forwarding(
            replace(wiring, site=application.site, authenticator=sessions, scripts=None)
        )
