"""`{env: NAME}` and `{file: PATH}`: where a scalar of gateway.yaml comes from; no secret stands in it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.config.faults import Faults
from gateway.config.key_file import MIN_KEY_BYTES
from gateway.config.nodes import Entry, MappingNode, Node, Reader, ScalarNode, SequenceNode, text

# Here {file: PATH} means the file itself, not what is in it.
_FILES = frozenset({"ca", "certificate", "key", "logo", "origins"})


@dataclass(frozen=True, slots=True)
class FetchedNode(ScalarNode):
    """A scalar that was read from the environment or a file."""

    source: str = ""
    file: Path | None = None  # None: the environment


@dataclass(frozen=True, slots=True)
class Sources:
    """What the references of one file point to. folder: relative paths begin there."""

    folder: Path
    env: Mapping[str, str]

    def path(self, value: str) -> Path:
        """A path of the file, absolute."""
        return Path(os.path.normpath(self.folder / value))

    def fetch(self, node: Node, faults: Faults, key: str = "") -> Node:
        """The same tree with every reference replaced by what it points to."""
        match node:
            case SequenceNode():
                return replace(node, items=tuple(self.fetch(item, faults, key) for item in node.items))
            case MappingNode(entries=(Entry(key="env" | "file", value=ScalarNode()) as reference,)):
                return node if key in _FILES else self._fetch_one(node, reference, faults)
            case MappingNode():
                entries = (
                    replace(entry, value=self.fetch(entry.value, faults, entry.key)) for entry in node.entries
                )
                return replace(node, entries=tuple(entries))
            case ScalarNode():
                return node

    def _fetch_one(self, node: MappingNode, reference: Entry, faults: Faults) -> Node:
        name = text(reference.value, faults, reference.key)
        if name is None:
            return node
        file = None if reference.key == "env" else self.path(name)
        found = self._variable(name) if file is None else self._content(file)
        if isinstance(found, str):
            return FetchedNode(node.line, found, source=f"{reference.key}: {name}", file=file)
        faults.add(node.line, found.code, found.message, found.remedy)
        return FetchedNode(node.line, "", source="missing")

    def _variable(self, name: str) -> "str | _Missing":
        if name in self.env:
            return self.env[name].strip()
        message = f"The environment has no variable {name}."
        return _Missing(
            "missing-environment", message, f"Set {name} for the gateway and for `bookgate check`."
        )

    @staticmethod
    def _content(path: Path) -> "str | _Missing":
        try:
            return path.read_text("utf-8").strip()
        except UnicodeDecodeError:
            return _Missing(
                "bad-secret", f"{path} is not text.", "Keep secrets as text: `bookgate init` does."
            )
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}."
            return _Missing(
                "missing-file", message, "`bookgate init` makes missing keys; other secrets you put there."
            )


@dataclass(frozen=True, slots=True)
class _Missing:
    code: str
    message: str
    remedy: str


def is_missing(node: Node) -> bool:
    """Whether its reference failed, which is recorded already."""
    return isinstance(node, FetchedNode) and node.source == "missing"


def secret(node: Node, faults: Faults, what: str) -> str | None:
    """A reader of a secret: it must come from the environment or a file."""
    if isinstance(node, ScalarNode) and not isinstance(node, FetchedNode):
        message = f"{what} is a secret and stands in the file."
        faults.add(
            node.line, "secret-in-file", message, "Write {env: NAME} or {file: PATH}, and change the secret."
        )
        return None
    return text(node, faults, what)


def key_bytes(node: Node, faults: Faults, what: str) -> bytes | None:
    """A reader of a key: a secret of 32 bytes or more."""
    value = secret(node, faults, what)
    if value is None:
        return None
    if len(value.encode()) >= MIN_KEY_BYTES:
        return value.encode()
    message = f"{what} has {len(value.encode())} bytes; a key needs {MIN_KEY_BYTES}."
    faults.add(node.line, "short-key", message, "Let `bookgate init` make it, or `openssl rand -base64 32`.")
    return None


def file_path(sources: Sources) -> Reader[Path]:
    """A reader of {file: PATH} where the file itself is meant; it must exist."""

    def read(node: Node, faults: Faults, what: str) -> Path | None:
        match node:
            case MappingNode(entries=(Entry(key="file", value=value),)):
                name = text(value, faults, what)
            case _:
                faults.add(node.line, "not-a-file", f"{what} must name a file.", "Write {file: PATH}.")
                return None
        if name is None:
            return None
        path = sources.path(name)
        if not path.is_file():
            faults.add(node.line, "missing-file", f"{what}: there is no file {path}.", "Correct the path.")
        return path

    return read
