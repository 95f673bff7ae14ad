"""`allow` and `step_up` of a route: whom it takes, and how freshly they must have proved who they are."""

from gateway.access import CLASS_CARD, LTI, PASSKEY
from gateway.config.faults import Faults
from gateway.config.gateway_readers import block
from gateway.config.nodes import NAME, Block, boolean, did_you_mean, list_of, matching, seconds, text
from gateway.config.settings import ProviderSettings
from gateway.routes import Allowed, SignInNeed, StepUp

_role = matching(NAME, "bad-role", "A role is in lower-case letters, digits, `-` and `_`.")


def read_allow(keys: Block, faults: Faults, providers: tuple[ProviderSettings, ...]) -> Allowed | None:
    """keys: of the route."""
    node = keys.node("allow")
    if node is None:
        return None
    allow = block(node, faults, "allow", keys=("roles", "providers", "in_class"))
    roles, named = allow.find("roles", list_of(_role)), allow.find("providers", list_of(text))
    known = [*(one.id for one in providers), LTI, PASSKEY, CLASS_CARD]
    for name in named or ():
        if name not in known:
            remedy = f"{did_you_mean(name, known)} Write names of `providers`, lti, passkey or class_card."
            line, message = allow.line_of("providers"), f"There is no provider `{name}`."
            faults.add(line, "unknown-provider", message, remedy)
    in_class = allow.find("in_class", boolean) or False
    if not roles and not named and not in_class:
        message = "allow says nobody."
        remedy = "Write `roles: [..]`, `providers: [..]`, `in_class: true` or several of them."
        faults.add(node.line, "nobody-allowed", message, remedy)
    return Allowed(
        None if roles is None else frozenset(roles), None if named is None else frozenset(named), in_class
    )


def read_step_up(keys: Block, faults: Faults) -> StepUp | None:
    """keys: of the route."""
    node = keys.node("step_up")
    if node is None:
        return None
    read = block(node, faults, "step_up", keys=("max_age", "acr"))
    max_age, acr = read.find("max_age", seconds(10, 365 * 86400)), read.find("acr", list_of(text))
    if max_age is None and not acr:
        message = "step_up asks for nothing."
        faults.add(node.line, "no-step", message, "Write `max_age: 8h`, `acr: [..]` or both.")
    return StepUp(max_age, tuple(acr or ()))


def check_need(keys: Block, faults: Faults, need: SignInNeed) -> None:
    """Where nobody need sign in, nobody can be asked what they are."""
    for name in ("allow", "step_up"):
        if need is not SignInNeed.REQUIRED and keys.node(name) is not None:
            message = f"{name} stands at a route that takes people who have not signed in."
            faults.add(keys.line_of(name), "nobody-to-ask", message, "Remove `sign_in`, or this key.")
