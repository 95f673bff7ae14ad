"""The `privacy:` of gateway.yaml, and whether a site is for children: what is kept, and how long."""

from gateway.client_address import Addresses
from gateway.config.faults import Faults
from gateway.config.gateway_readers import part
from gateway.config.nodes import Block, boolean, one_of, seconds, whole
from gateway.config.settings import Privacy
from gateway.session_limits import DAY, SessionLimits


def read_privacy(top: Block, sign_in: Block, sessions: SessionLimits, faults: Faults) -> Privacy:
    """sign_in: the block of that name. sessions: who is signed in is not taken for somebody who is away."""
    keys = ("default_level", "delete_inactive_after", "log_addresses")
    privacy, default = part(top, "privacy", faults, keys), Privacy()
    after = privacy.find("delete_inactive_after", seconds(DAY))
    if after is not None and after <= sessions.sign_in.absolute:
        days = sessions.sign_in.absolute // DAY
        faults.add(
            privacy.line_of("delete_inactive_after"),
            "inactive-before-session",
            f"A sign-in may last {days} days, and only sign-ins tell who is still there.",
            f"Write {days + 1}d or more, or shorten `sessions.sign_in.absolute`.",
        )
    addresses = one_of([choice.value for choice in Addresses])
    return Privacy(
        default_level=privacy.get("default_level", whole(1, 2), default.default_level),
        delete_inactive_after=after,
        log_addresses=Addresses(privacy.get("log_addresses", addresses, default.log_addresses.value)),
        under_13=sign_in.get("under_13", boolean, default=default.under_13),
    )
