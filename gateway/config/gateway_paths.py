"""The public paths that lead to backends, as text."""

import re

from gateway.config.faults import Faults
from gateway.config.nodes import Node, text

OWN_PATHS = ("/auth/", "/.well-known/", "/client/", "/bookgate.js/")

# Only bytes that no server decodes or folds, so that the path that policy sees is the path that is forwarded.
_PATH = re.compile(r"/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/|\.[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*", re.ASCII)


def public_path(node: Node, faults: Faults, what: str) -> str | None:
    """Of the public URL."""
    path = _read_path(node, faults, what, OWN_PATHS)
    if path != "/":
        return path
    message = "A backend at `/` needs a host of its own: the public URL itself is the gateway's."
    faults.add(node.line, "needs-host", message, "Give it a path: /NAME/, or the backend a `host`.")
    return None


def path_of_host(node: Node, faults: Faults, what: str) -> str | None:
    return _read_path(node, faults, what, ("/auth/",))


def _read_path(node: Node, faults: Faults, what: str, ours: tuple[str, ...]) -> str | None:
    path = text(node, faults, what)
    if path is None:
        return None
    if _PATH.fullmatch(path) is None:
        remedy = "Write /NAME/ or /NAME/NAME/: it begins and ends with a slash, of A-Z a-z 0-9 - . _ ~ alone."
        faults.add(node.line, "bad-path", f"{what} cannot be `{path}`.", remedy)
    elif "internal" in path.split("/"):
        message = f"`{path}`: no path with a segment `internal` is ever forwarded."
        faults.add(node.line, "internal-path", message, "Choose another path.")
    elif path.startswith(ours):
        faults.add(node.line, "own-path", f"`{path}` is the gateway's own.", "Choose another path.")
    else:
        return path
    return None
