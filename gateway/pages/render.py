"""Templates to answers: one place for the pages' security headers."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from aiohttp import web
from markupsafe import Markup

from gateway.config.settings import Pages
from gateway.pages.assets import logo_name
from gateway.pages.colours import palette
from gateway.pages.language import Languages, read_languages, spoken_now, teach

TEMPLATES = Path(__file__).parent / "templates"


def embed_json(value: object) -> Markup:
    """JSON that is safe inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for odd in "<>&":
        text = text.replace(odd, f"\\u{ord(odd):04x}")
    return Markup(text)  # ruff: ignore[unsafe-markup-use]  # escaped just above


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders a page, in the language that is spoken. token: bytes of randomness for the CSP nonce."""

    environment: jinja2.Environment
    look: Pages
    contact: str | None
    token: Callable[[int], bytes]
    languages: Languages

    def page(
        self,
        template: str,
        values: Mapping[str, object] | None = None,
        *,
        status: int = 200,
        in_flow: bool = True,
        framed_by: Sequence[str] = (),
        form_to: str | None = None,
    ) -> web.Response:
        """The page with its headers.

        in_flow: pages between a book and its code keep `window.opener`, so they say nothing of COOP;
        the others isolate themselves (HTML Standard 7.1.3).
        framed_by: origins that may show it in a frame of theirs. form_to: the one site, as CSP writes it,
        that a form of it may go to; None: this one.
        """
        nonce = base64.b64encode(self.token(18)).decode()
        text = self.environment.get_template(template).render(
            {
                "nonce": nonce,
                "look": self.look,
                "contact": self.contact,
                "language": spoken_now(),
                # a refusal is not asked for once more
                "others": spoken_now().others if status == 200 else (),
                **(values or {}),
            }
        )
        headers = {"Content-Security-Policy": _policy(nonce, framed_by, form_to), **PAGE_HEADERS}
        if framed_by:
            del headers["X-Frame-Options"]  # it knows no names of others
        if not in_flow:
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)


PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make our own form POST send Origin: null
    "X-Frame-Options": "DENY",
}


def _policy(nonce: str, framed_by: Sequence[str], form_to: str | None) -> str:
    ancestors, forms = " ".join(framed_by) or "'none'", form_to or "'self'"
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; "
        f"connect-src 'self'; form-action {forms}; base-uri 'none'; "
        f"frame-ancestors {ancestors}"
    )


def make_renderer(look: Pages, contact: str | None, token: Callable[[int], bytes]) -> Renderer:
    """A renderer over the templates that ship with the package."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embed_json"] = embed_json
    environment.globals["palette"] = palette(look.colour)
    environment.globals["logo"] = None if look.logo is None else logo_name(look.logo)
    teach(environment)
    return Renderer(environment, look, contact, token, read_languages(look.languages))
