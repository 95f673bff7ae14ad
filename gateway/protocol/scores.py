"""POST /auth/lti/score: a book reports how its reader did, for the gradebook of the course that opened it."""

from aiohttp import web

from gateway.errors import LoginRequiredError, OriginRefusedError
from gateway.forms import read_form
from gateway.limits import SCORES
from gateway.lti import Gradebook
from gateway.lti.scores import read_score
from gateway.protocol.answers import answer
from gateway.protocol.context import Parts, caller, current_book
from gateway.protocol.token import Handler


def score_handler(parts: Parts, gradebook: Gradebook) -> Handler:
    """202 with `state`: delivered, queued (kept and tried again), or refused by the platform."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, policy = caller(request)
        if request.method not in policy.methods:
            raise OriginRefusedError("method-not-granted")
        score = read_score(await read_form(request))
        live = await current_book(request, parts)
        if live is None:
            raise LoginRequiredError("a score of nobody")
        await parts.grants.limit("scores", live.record.person, SCORES)
        told = await gradebook.report(live.record.person, origin, score)
        response = answer(parts, {"state": told.value})
        response.set_status(202)
        return response

    return handle
