"""Reads a configuration file's bytes into nodes, and refuses what YAML allows and a person would misread.

Built on the parser's events, not on its nodes: those have already lost anchors, and a loop cannot be
driven into deep recursion by nested brackets.
"""

import re
from collections.abc import Iterator

import yaml

from gateway.config.faults import Faults
from gateway.config.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 12

# libyaml is ten times as fast; the pure parser gives the same events
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# NEL, LS and PS end a line for YAML 1.1 but not in an editor: text in a comment would be read as content
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7})(?: .*)?|={7}")
_TAB = re.compile(r" *\t")


def read_document(data: bytes, faults: Faults) -> Node | None:
    """The top node of the only document in `data`; None: it cannot be read at all and `faults` says why.

    A node may come with faults too (a key twice, an anchor), so that the faults of its content join them.
    """
    source = _decode(data, faults)
    if source is None:
        return None
    if not _check_lines(source, faults):
        return None
    try:
        root = _Tree(faults).build(yaml.parse(source, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        began = f" {error.context} from line {error.context_mark.line + 1}" if error.context_mark else ""
        remedy = "Look for a missing quote, bracket or colon, or a wrong indentation, here or just above."
        faults.add(line, "yaml-syntax", f"This is not YAML: {error.problem}{began}.", remedy)
        return None
    except yaml.YAMLError:
        faults.add(0, "yaml-syntax", "This is not YAML.", "Save the file as plain text in UTF-8.")
        return None
    return root


def _decode(data: bytes, faults: Faults) -> str | None:
    if len(data) > MAX_BYTES:
        faults.add(0, "too-large", f"The file has {len(data)} bytes.", "Keep it under 1 MiB, or split it.")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.add(line, "not-utf-8", "The file is not UTF-8 here.", "Save it with the encoding UTF-8.")
        return None


def _check_lines(source: str, faults: Faults) -> bool:
    """Whether every line is one that the parser should see."""
    clean = True
    for number, line in enumerate(source.split("\n"), start=1):
        if found := _CONTROL.search(line.removesuffix("\r")):
            name = f"U+{ord(found[0]):04X}"
            faults.add(
                number, "control-character", f"The line holds the control character {name}.", "Remove it."
            )
        elif _CONFLICT.fullmatch(line.rstrip("\r")):
            message = "A marker of an unfinished merge is left here."
            faults.add(number, "conflict-marker", message, "Choose one side and remove the markers.")
        elif _TAB.match(line):
            faults.add(number, "tab", "The line is indented with a tab.", "Indent with blanks only.")
        else:
            continue
        clean = False
    return clean


class _Open:
    """A collection whose end has not come yet."""

    def __init__(self, line: int, *, is_mapping: bool) -> None:
        self.line = line
        self.is_mapping = is_mapping
        self.items: list[Node] = []
        self.entries: dict[str, Entry] = {}
        self.key: tuple[str, int] | None = None


class _Tree:
    """Builds the nodes from events; records what is not allowed and reads on where that makes sense."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            if not self._take(event):
                return None
        if self._root is None or (isinstance(self._root, ScalarNode) and self._root.is_null):
            self._faults.add(0, "empty-file", "The file holds nothing.", "Begin with `version: 1`.")
            return None
        return self._root

    def _take(self, event: yaml.Event) -> bool:
        """Takes one event; False: the rest of the file is not worth reading."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent():
                return self._begin_document(event, line)
            case yaml.AliasEvent():
                message = f"The alias `*{event.anchor}` is not allowed."
                self._faults.add(
                    line, "alias", message, "Write the value out; use `policies:` to share settings."
                )
                self._place(ScalarNode(line, "alias", plain=False))
            case yaml.ScalarEvent():
                self._check_properties(event, line)
                self._place(ScalarNode(line, event.value, plain=not event.style))
            case yaml.CollectionStartEvent():
                self._check_properties(event, line)
                return self._begin_collection(line, is_mapping=isinstance(event, yaml.MappingStartEvent))
            case yaml.CollectionEndEvent():
                self._end_collection()
            case _:
                pass
        return True

    def _begin_document(self, event: yaml.DocumentStartEvent, line: int) -> bool:
        self._documents += 1
        if self._documents > 1:
            self._faults.add(
                line, "second-document", "A second document begins here.", "Remove the `---` line."
            )
            return False
        if event.version is not None or event.tags:
            self._faults.add(
                line, "directive", "YAML directives are not allowed.", "Remove the lines that begin with %."
            )
        return True

    def _check_properties(self, event: yaml.NodeEvent, line: int) -> None:
        if event.anchor is not None:
            message = f"The anchor `&{event.anchor}` is not allowed."
            self._faults.add(line, "anchor", message, "Write the value out; quote it if it begins with `&`.")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._faults.add(
                line, "tag", f"The tag `{tag}` is not allowed.", "Remove it; quote text that begins with `!`."
            )

    def _begin_collection(self, line: int, *, is_mapping: bool) -> bool:
        if len(self._open) >= MAX_DEPTH:
            message = f"The file is nested deeper than {MAX_DEPTH} levels."
            self._faults.add(line, "too-deep", message, "Look for brackets that are opened and never closed.")
            return False
        self._open.append(_Open(line, is_mapping=is_mapping))
        return True

    def _end_collection(self) -> None:
        done = self._open.pop()
        if done.is_mapping:
            self._place(MappingNode(done.line, tuple(done.entries.values())))
        else:
            self._place(SequenceNode(done.line, tuple(done.items)))

    def _place(self, node: Node) -> None:
        """Puts a finished node where it belongs: the root, a list, a key or a value."""
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = (self._key(node), node.line)
        else:
            key, line = parent.key
            parent.key = None
            self._put(parent, Entry(key, line, node))

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode):
            return node.text
        self._faults.add(node.line, "key-not-text", "A key must be a single word.", "Write `key: value`.")
        return ""

    def _put(self, parent: _Open, entry: Entry) -> None:
        if entry.key == "<<":
            self._faults.add(
                entry.line, "merge-key", "The merge key `<<` is not allowed.", "Write the keys out."
            )
        elif entry.key in parent.entries:
            first = parent.entries[entry.key].line
            message = f"`{entry.key}` stands here and on line {first}."
            self._faults.add(entry.line, "duplicate-key", message, "Keep one of them.")
        else:
            parent.entries[entry.key] = entry
