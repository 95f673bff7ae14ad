"""The `classes:` of gateway.yaml: who makes classes, and whether people come in by cards."""

from gateway.classes_rules import ANYONE
from gateway.config.faults import Faults
from gateway.config.gateway_readers import is_word, part
from gateway.config.nodes import NAME, Block, Node, SequenceNode, boolean, list_of, matching
from gateway.config.settings import ClassSettings


def read_classes(top: Block, sign_in: Block, faults: Faults) -> ClassSettings:
    """sign_in: the block of that name, which says whether there are cards."""
    classes = part(top, "classes", faults, ("create",))
    default = ClassSettings()
    return ClassSettings(
        create=frozenset(classes.get("create", _create, tuple(default.create))),
        cards=sign_in.get("class_cards", boolean, default=default.cards),
    )


def _create(node: Node, faults: Faults, what: str) -> tuple[str, ...] | None:
    """`anyone`, or the names of roles."""
    if is_word(node, ANYONE):
        return (ANYONE,)
    remedy = "Write the names of `roles`, as [teacher], or the word anyone."
    if not isinstance(node, SequenceNode):
        faults.add(node.line, "bad-create", f"{what} is no list.", remedy)
        return None
    if not node.items:
        faults.add(node.line, "nobody-creates", f"{what} lets nobody make a class.", remedy)
        return None
    roles = list_of(matching(NAME, "bad-role", "A role is in lower-case letters, digits, `-` and `_`."))(
        node, faults, what
    )
    if roles is not None and ANYONE in roles:
        faults.add(node.line, "bad-create", f"{what} has `{ANYONE}` among roles.", remedy)
        return None
    return roles
