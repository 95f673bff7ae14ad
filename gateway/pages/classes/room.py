"""/auth/classes/of/ID: one class. Its teachers keep it; its students see what it is, and may leave."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from gateway.classes_rules import Role
from gateway.directory import Class
from gateway.errors import InvalidRequestError, NotFoundError
from gateway.pages.account_view import Moment
from gateway.pages.authorize import Handler
from gateway.pages.classes.cards import discard_card, make_cards, replace_card, takes_cards
from gateway.pages.classes.codes import join_address, join_code
from gateway.pages.classes.forms import Act, Page, Said, answered, form_page, restate, shown_to
from gateway.pages.flow import Parts
from gateway.pages.language import mark, say
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

Teaching = Callable[[web.Request, Parts, Class, LiveSignIn, str], Awaitable[Said | web.Response]]

_DONE: Final[Mapping[str, str]] = {
    "open": mark("Joining is open again."),
    "close": mark("Nobody can join now. Who is in the class stays in it."),
    "code": mark("Here is a new link. The old one leads nowhere any more."),
    "archive": mark("The class is archived. Nothing in it is lost, and you can take it up again."),
    "revive": mark("The class is taken up again."),
}
_BY_CARD: Final = mark("You came into this class by its card. Only your teacher can take you out of it.")
_AUDITED: Final[Mapping[str, Audited]] = {
    "open": Audited.CLASS_OPENED,
    "close": Audited.CLASS_CLOSED,
    "code": Audited.CLASS_LINK,
    "archive": Audited.CLASS_ARCHIVED,
    "revive": Audited.CLASS_REVIVED,
}


def room_handler(parts: Parts) -> Handler:
    return shown_to(parts, _page(parts))


def room_form_handler(parts: Parts) -> Handler:
    return answered(parts, _page(parts), _act(parts))


async def entered(request: web.Request, parts: Parts, live: LiveSignIn) -> tuple[Class, Role]:
    """The class that the address names and what this person is in it.

    NotFoundError: there is none, or they are not in it: who is not learns nothing of it.
    """
    class_id = request.match_info["id"]
    role = await parts.directory.classes.role_of(class_id, live.record.person)
    one = None if role is None else await parts.directory.classes.find(class_id)
    if role is None or one is None:
        raise NotFoundError("no such class of this person's")
    return one, role


async def taught(request: web.Request, parts: Parts, live: LiveSignIn) -> Class:
    """The same of its teachers alone."""
    one, role = await entered(request, parts, live)
    if role is not Role.TEACHER:
        raise NotFoundError("not a teacher of this class")
    return one


def _page(parts: Parts) -> Page:
    async def page(request: web.Request, live: LiveSignIn, said: Said) -> web.Response:
        one, role = await entered(request, parts, live)
        members = await parts.directory.classes.members(one.id)
        now = int(parts.clock())
        if role is Role.STUDENT:
            me = next(member for member in members if member.person == live.record.person)
            teachers = [member.name for member in members if member.role is Role.TEACHER]
            values: Mapping[str, object] = {"one": one, "teachers": teachers, "card": me.card}
            return await form_page(request, parts, live, "place.html", values, said)
        link = join_address(parts.public_url, one.code)
        values = {
            "one": one,
            "link": link,
            "qr": join_code(link),
            "me": live.record.person,
            "teachers": [member for member in members if member.role is Role.TEACHER],
            "is_listed": await _is_listed(parts, one),
            "takes_cards": takes_cards(request, parts, one),
            "cards": await parts.directory.cards.list_of(one.id),
            "students": [
                (member, Moment(member.joined, now)) for member in members if member.role is Role.STUDENT
            ],
        }
        return await form_page(request, parts, live, "room.html", values, said)

    return page


async def _is_listed(parts: Parts, one: Class) -> bool:
    """Whether its platform can be asked who is in the course."""
    if one.platform is None or one.memberships is None:
        return False
    return await parts.rosters.can_ask(one.platform)


def _act(parts: Parts) -> Act:
    async def act(request: web.Request, live: LiveSignIn, form: Mapping[str, str]) -> Said | web.Response:
        name, _, what = form.get("act", "").partition(":")
        if name == "leave":
            return await _leave(request, parts, live)
        one = await taught(request, parts, live)
        if name == "cards" and takes_cards(request, parts, one) and one.platform is None:
            return await make_cards(request, parts, one, live, form)
        if name in _DONE and one.platform is None:
            await _keep(parts, one, name)
            request[AUDIT].note(_AUDITED[name], who=live.record.person, of=one.id)
            return Said(done=say(_DONE[name]))
        teaching = _TEACHING.get(name)
        if teaching is None:
            raise InvalidRequestError("act is not one of the page's")
        return await teaching(request, parts, one, live, what)

    return act


async def _keep(parts: Parts, one: Class, act: str) -> None:
    classes = parts.directory.classes
    if act in {"open", "close"}:
        await classes.set_open(one.id, is_open=act == "open")
    elif act == "code":
        await classes.new_code(one.id)
    else:
        await classes.set_archived(one.id, archived=act == "archive")
        await restate(parts, [member.person for member in await classes.members(one.id)])


async def _leave(request: web.Request, parts: Parts, live: LiveSignIn) -> Said | web.Response:
    one, _ = await entered(request, parts, live)
    members = await parts.directory.classes.members(one.id)
    if any(member.card and member.person == live.record.person for member in members):
        # out of the class their card would open nothing, and they may have no other way to their work
        return Said(trouble=say(_BY_CARD), status=409)
    await parts.directory.classes.remove(one.id, live.record.person)
    request[AUDIT].note(Audited.CLASS_LEFT, who=live.record.person, of=one.id)
    await restate(parts, [live.record.person])
    return web.Response(status=303, headers={"Location": "/auth/classes", "Cache-Control": "no-store"})


async def _remove(request: web.Request, parts: Parts, one: Class, live: LiveSignIn, person: str) -> Said:
    await parts.directory.classes.remove(one.id, person)
    facts = {"who": person, "of": one.id, "by": live.record.person}
    request[AUDIT].note(Audited.CLASS_REMOVED, **facts)
    await restate(parts, [person])
    return Said(done=say("Removed. Whoever has the link can join again: make a new link if they should not."))


async def _promote(request: web.Request, parts: Parts, one: Class, live: LiveSignIn, person: str) -> Said:
    await _set_role(request, parts, one, live, person, Role.TEACHER)
    return Said(done=say("There is one more teacher now, who can do all that you can do here."))


async def _demote(request: web.Request, parts: Parts, one: Class, live: LiveSignIn, person: str) -> Said:
    await _set_role(request, parts, one, live, person, Role.STUDENT)
    return Said(done=say("That was a teacher, and is a student now."))


async def _set_role(
    request: web.Request, parts: Parts, one: Class, live: LiveSignIn, person: str, role: Role
) -> None:
    await parts.directory.classes.set_role(one.id, person, role)
    facts = {"who": person, "of": one.id, "role": str(role), "by": live.record.person}
    request[AUDIT].note(Audited.CLASS_ROLE, **facts)
    await restate(parts, [person])


_TEACHING: Final[Mapping[str, Teaching]] = {
    "remove": _remove,
    "promote": _promote,
    "demote": _demote,
    "replace": replace_card,
    "discard": discard_card,
}
