"""/auth/lti/links: a teacher picks a page of a book for a course (LTI Deep Linking 2.0).

Most platforms show this in a frame, where no cookie of ours comes back. None is needed: nobody is signed in
here, and all that happens is that a page which the teacher names is signed for the platform that asked.
"""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.classes_rules import books_of
from gateway.errors import InvalidGrantError, ProviderRefusedError
from gateway.forms import read_form, required
from gateway.lti import Linking, Registry, ToolKey, UnusableLaunchError
from gateway.lti.deep_linking import TITLE, answer, site_of
from gateway.lti_platforms import Platform
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.book_targets import place_of
from gateway.pages.flow import Parts
from gateway.pages.language import mark, say
from gateway.records import LtiPick, LtiPicking
from gateway.request_context import ASKED

LINKS: Final = "/auth/lti/links"
KEYLESS: Final = "keyless"
_NO_ADDRESS: Final = mark("Write the address of a page of a book: it begins with https://.")
_NOT_GRANTED: Final = mark(
    "No course may open a page at this address. Books that may be opened are listed here by the people who "
    "run this service."
)


async def begin(request: web.Request, parts: Parts, platform: Platform) -> tuple[str, str]:
    """State and nonce of a picking that begins.

    Raises TooManyRequestsError.
    """
    await parts.transactions.admit(request)
    record = LtiPicking(platform.id, parts.secret())
    return await parts.grants.begin(record), record.nonce


async def picked(
    request: web.Request,
    parts: Parts,
    registry: Registry,
    picking: LtiPicking,
    form: Mapping[str, str],
    tool: ToolKey | None,
) -> web.Response:
    """The platform's answer to a picking: the page that asks which page of which book.

    Raises ProviderRefusedError, ProviderUnavailableError.
    """
    if "error" in form:
        raise ProviderRefusedError(f"the platform answered {form['error'][:60]!r}")
    platform = await registry.named(picking.platform)
    linking = await registry.verify(platform, required(form, "id_token"), picking.nonce)
    if not isinstance(linking, Linking):
        raise ProviderRefusedError("deep linking: a launch came instead")
    if tool is None:
        raise UnusableLaunchError(KEYLESS, "deep linking: there is no key to sign with (keys.lti)")
    pick = LtiPick(platform.id, linking.deployment, linking.return_url, linking.data, linking.in_a_tab)
    begun = await parts.grants.begin(pick)
    return _asks(request, parts, platform, begun, platform.page or "", linking.title)


def links_form_handler(parts: Parts, registry: Registry, tool: ToolKey) -> Handler:
    """`address` and `title`: signed, and on to the platform."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        pick = await parts.grants.peek(LtiPick, transaction)
        if pick is None:
            raise InvalidGrantError("no page is being picked")
        platform = await registry.named(pick.platform)
        address, title = form.get("address", "").strip(), " ".join(form.get("title", "").split())[:TITLE]
        trouble = _trouble(request, parts, platform, address)
        if trouble is not None:
            return _asks(request, parts, platform, transaction, address, title, trouble)
        if await parts.grants.take(LtiPick, transaction) is None:
            raise InvalidGrantError("a page was picked meanwhile")
        asked = Linking(pick.deployment, pick.return_url, pick.data, title, pick.in_a_tab)
        said = answer(asked, platform, address, title or address, parts.secret())
        values = {"return_url": pick.return_url, "token": tool.sign(said, parts.clock())}
        site = site_of(pick.return_url)
        return parts.renderer.page("lti_return.html", values, framed_by=platform.frames, form_to=site)

    return handle


def _trouble(request: web.Request, parts: Parts, platform: Platform, address: str) -> str | None:
    """Why no link can lead there, in words."""
    if not address.startswith(("https://", "http://")):
        return say(_NO_ADDRESS)
    if not _is_open(request, parts, platform, address):
        request[ASKED].reason = f"lti: picked {address[:100]!r}"
        return say(_NOT_GRANTED)
    return None


def _is_open(request: web.Request, parts: Parts, platform: Platform, address: str) -> bool:
    place = place_of(request, parts, address)
    return place is not None and platform.opens(place.book)


def _asks(
    request: web.Request,
    parts: Parts,
    platform: Platform,
    transaction: str,
    address: str,
    title: str,
    trouble: str | None = None,
) -> web.Response:
    known = books_of(request[ASKED].policies, parts.today())
    values = {
        "transaction": transaction,
        "links": LINKS,
        "address": address,
        "title": title,
        "longest": TITLE,
        "trouble": trouble,
        "books": [one for one in known if _is_open(request, parts, platform, one)],
    }
    status = 400 if trouble else 200
    return parts.renderer.page("lti_pick.html", values, status=status, framed_by=platform.frames)
