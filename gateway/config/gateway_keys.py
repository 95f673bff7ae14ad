"""The `keys` block of gateway.yaml: the secrets, and when the keys of assertions change."""

from pathlib import Path

from gateway.client_keys import ClientKeyError, ClientKeys, parse_client_keys
from gateway.config.faults import Faults
from gateway.config.gateway_readers import part
from gateway.config.gateway_secrets import FetchedNode, Sources, is_missing, key_bytes, secret
from gateway.config.key_file import KeyFileError, ShortKeyError, parse
from gateway.config.nodes import Block, Entry, MappingNode, Node, ScalarNode, items, seconds
from gateway.config.settings import Keys
from gateway.session_limits import DAY
from gateway.signing_keys import Rotation

_REMEDY = "Let `bookgate init` make it, and `bookgate keys` change it."
_LTI_REMEDY = "Make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072."


def read_keys(top: Block, faults: Faults, sources: Sources, state: Path) -> Keys:
    """The secrets; one that is not named is the file of its name in STATE/keys."""
    keys = part(top, "keys", faults, ("root", "previous", "people", "research", "assertion", "lti"))

    def node_of(name: str) -> Node:
        return keys.node(name) or sources.fetch(_file(keys.line, state / "keys" / name), faults)

    def key(name: str) -> bytes:
        node = node_of(name)
        return b"" if is_missing(node) else key_bytes(node, faults, name) or b""

    root, previous = node_of("root"), keys.node("previous")
    ring = _ring(root, faults, "root")
    older = () if previous is None else items(previous, faults, "previous") or ()
    # not `list_of`: its message would show a key that stands there twice
    apart = tuple(found for node in older for found in _ring(node, faults, "a previous key"))
    read = Keys(
        root=ring[0] if ring else b"",
        previous=(*ring[1:], *apart),
        people=key("people"),
        research=key("research"),
        root_file=root.file if isinstance(root, FetchedNode) else None,
        apart=apart,
        assertion=_rotation(keys, faults),
        lti=_lti(keys, faults, sources, state),
    )
    kinds = [found for found in (*dict.fromkeys((*ring, *apart)), read.people, read.research) if found]
    if len(set(kinds)) < len(kinds):
        message = "root, people and research must not be one key."
        faults.add(keys.line, "same-key", message, "Let `bookgate init` make them.")
    return read


def _lti(keys: Block, faults: Faults, sources: Sources, state: Path) -> ClientKeys | None:
    """RSA: every platform takes RS256 (1EdTech Security Framework section 5.1.2). None: there is no file."""
    node, usual = keys.node("lti"), state / "keys" / "lti"
    if node is None and usual.is_file():
        node = sources.fetch(_file(keys.line, usual), faults)
    if node is None or is_missing(node):
        return None
    pem = secret(node, faults, "lti")
    if pem is None:
        return None
    try:
        found = parse_client_keys(pem)
    except ClientKeyError as error:
        faults.add(node.line, "bad-lti-key", f"lti: {error}.", _LTI_REMEDY)
        return None
    if any(each.alg != "RS256" for each in found.keys):
        faults.add(node.line, "bad-lti-key", "lti: learning platforms take RSA keys alone.", _LTI_REMEDY)
    return found


def _rotation(keys: Block, faults: Faults) -> Rotation:
    assertion, default = part(keys, "assertion", faults, ("rotate", "publish_before")), Rotation()
    read = Rotation(
        assertion.get("rotate", seconds(3600, 366 * DAY), default.every),
        # services look keys up every five minutes
        assertion.get("publish_before", seconds(600, 30 * DAY), default.publish_before),
    )
    if read.publish_before >= read.every:
        message = "A key would be published for longer than it signs."
        faults.add(assertion.line, "publish-too-long", message, "Lower `publish_before`, or raise `rotate`.")
    return read


def _ring(node: Node, faults: Faults, what: str) -> tuple[bytes, ...]:
    """The keys of a file, one a line; a key of the environment is one."""
    if is_missing(node):
        return ()
    if not isinstance(node, FetchedNode) or node.file is None:
        found = key_bytes(node, faults, what)
        return () if found is None else (found,)
    try:
        return tuple(line.key for line in parse(node.text))
    except KeyFileError as error:
        code = "short-key" if isinstance(error, ShortKeyError) else "bad-key-file"
        faults.add(node.line, code, f"{what}: {node.file}: {error}.", _REMEDY)
        return ()


def _file(line: int, path: Path) -> MappingNode:
    """`{file: PATH}` as if it stood there."""
    return MappingNode(line, (Entry("file", line, ScalarNode(line, str(path))),))
