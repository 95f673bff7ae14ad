"""`sign_in.passkeys` of gateway.yaml: whether people may sign in by passkeys."""

import re
from typing import Final
from urllib.parse import urlsplit

from gateway.config.faults import Faults
from gateway.config.nodes import Block, boolean

_ADDRESS: Final = re.compile(r"[0-9.]+|.*:.*", re.ASCII)


def read_passkeys(sign_in: Block, public_url: str, faults: Faults) -> bool:
    """A passkey is bound to the name of a host (WebAuthn Level 3, section 5.1.2): an address has none."""
    wanted = sign_in.get("passkeys", boolean, default=False)
    host = urlsplit(public_url).hostname or ""
    if wanted and _ADDRESS.fullmatch(host):
        message = f"Passkeys belong to a name, and `{host}` is an address."
        remedy = "Give the gateway a name in `public_url` (on one machine: localhost), or remove `passkeys`."
        faults.add(sign_in.line_of("passkeys"), "passkeys-without-name", message, remedy)
    return wanted
