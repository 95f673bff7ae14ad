"""/auth/studies: what research asks a person, and what they answer; changeable as often as they like."""

from collections.abc import Mapping

from aiohttp import web

from gateway.errors import InvalidGrantError, InvalidRequestError
from gateway.forms import read_form, required
from gateway.limits import CHANGES
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, sign_in_page, ways_in
from gateway.pages.language import say
from gateway.pages.sections import CHANGED, STALE
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.records import Form
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.studies_rules import NO, Study, asked_of, is_answered, takes_part
from gateway.telemetry import AUDIT, Audited

PAGE = "/auth/studies"


async def studies_for(parts: Parts, person: str) -> list[Study]:
    """Those that run and are about a book in which the person has worked."""
    if not parts.studies:
        return []
    been = await parts.directory.orders.places_of(person)
    return asked_of(parts.studies, [place.book for place in been], parts.today())


def studies_handler(parts: Parts) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        live = await signed_in(request, parts.public_url)
        if live is None:
            ways = ways_in(parts, None)
            return sign_in_page(request, parts, ways, origin=None, transaction="", trouble=None, back=PAGE)
        return await _page(request, parts, live)

    return handle


def _to_account() -> web.Response:
    return web.Response(status=303, headers={"Location": "/auth/account", "Cache-Control": "no-store"})


async def _page(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    *,
    done: str | None = None,
    trouble: str | None = None,
    status: int = 200,
) -> web.Response:
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    answers = await parts.directory.participation.of_person(live.record.person)
    values = {
        "studies": [_shown(study, answers) for study in await studies_for(parts, live.record.person)],
        "transaction": begun.id,
        "done": done,
        "trouble": trouble,
    }
    response = parts.renderer.page("studies.html", values, status=status, in_flow=False)
    response.headers.add("Set-Cookie", begun.line)
    return response


def _shown(study: Study, answers: Mapping[str, str]) -> Mapping[str, object]:
    answer = answers.get(study.id)
    return {
        "study": study,
        "answered": is_answered(study, answer),
        "in": takes_part(study, answer),
    }


def studies_form_handler(parts: Parts) -> Handler:
    """`act=yes:STUDY:VERSION` or `act=no:STUDY:VERSION`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        live = await signed_in(request, parts.public_url)
        if live is None:
            return _to_account()
        try:
            record = await parts.transactions.take(Form, transaction, request)
        except InvalidGrantError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await _page(request, parts, live, trouble=say(STALE), status=error.status)
        if record.parent != live.key:
            request[ASKED].reason = "forbidden: the page was made for another sign-in session"
            return await _page(request, parts, live, trouble=say(CHANGED), status=403)
        response = await _answer(request, parts, live, required(form, "act"))
        forget(response, transaction)
        return response

    return handle


async def _answer(request: web.Request, parts: Parts, live: LiveSignIn, act: str) -> web.Response:
    said, _, rest = act.partition(":")
    name, _, version = rest.partition(":")
    person = live.record.person
    study = next((each for each in await studies_for(parts, person) if each.id == name), None)
    if said not in {"yes", "no"} or study is None:
        raise InvalidRequestError("act is not one of the page's")
    if version != study.version:
        return await _page(request, parts, live, trouble=say("The text has changed. Please read it again."))
    await parts.grants.limit("studies", person, CHANGES)
    answer = version if said == "yes" else NO
    await parts.directory.participation.answer(person, study.id, answer)
    answers = await parts.directory.participation.of_person(person)
    await parts.sessions.restate(person, studies=answers)
    request[AUDIT].note(Audited.STUDY_ANSWERED, who=person, study=study.id, answer=said)
    return await _page(request, parts, live, done=say("Your answer is kept. You can change it here."))
