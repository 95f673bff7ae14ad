"""The language of a page: what templates and handlers say in English is said in the reader's own.

Words are English where they are written and are what the catalogues (`languages/CODE/*.po`) are asked for:
`{{ _("...") }}` and `{% trans %}` in templates, `say` in handlers. Values stand as `%(name)s`.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import jinja2
from aiohttp import web
from aiohttp.typedefs import Middleware
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from gateway.cookies import LANGUAGE, language_line, parse
from gateway.pages.accept_language import choose
from gateway.pages.account_view import Moment

CATALOGUES = Path(__file__).parent / "languages"
NAMES: Mapping[str, str] = MappingProxyType({"en": "English", "de": "Deutsch"})  # all that there are
_DATES = {"en": "en_GB", "de": "de_DE"}

# A GET of these is good once, or leads away: asked again in another language it would be another request.
_ONCE = ("/auth/callback/", "/auth/continue", "/auth/login", "/auth/lti/", "/auth/assets/")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Language:
    """The language of one request. others: name, code and address of this page in each of the others."""

    code: str  # BCP 47
    messages: NullTranslations
    others: tuple[tuple[str, str, str], ...] = ()


_SOURCES = Language("en", NullTranslations())  # the words as they are written

# of the request that is answered now: pages say things in many places, and each would have to be handed it
_SPOKEN: ContextVar[Language] = ContextVar("language", default=_SOURCES)


def mark(text: str) -> str:
    """The text as it is: written here, `say`d where it is shown."""
    return text


def say(text: str, **values: object) -> str:
    """The text in the reader's language; values stand in it as `%(name)s`."""
    told = _SPOKEN.get().messages.gettext(text)
    return told % values if values else told


def say_many(one: str, many: str, n: int, **values: object) -> str:
    """As `say`, in the singular or plural that `n` asks for; it stands in the text as `%(num)s`."""
    return _say_either(one, many, n) % {"num": n, **values}


def _say_either(one: str, many: str, n: int) -> str:
    return _SPOKEN.get().messages.ngettext(one, many, n)


def ago(moment: Moment) -> str:
    """When that was, true in every time zone: "3 days ago"."""
    seconds = moment.now - moment.then
    if seconds < 60:
        return say("just now")
    if seconds < 3600:
        return say_many("%(num)s minute ago", "%(num)s minutes ago", seconds // 60)
    if seconds < 86400:
        return say_many("%(num)s hour ago", "%(num)s hours ago", seconds // 3600)
    if seconds < 31 * 86400:
        return say_many("%(num)s day ago", "%(num)s days ago", seconds // 86400)
    return say("on %(date)s", date=day(moment.then))


def day(then: int) -> str:
    """The day in words. then: Unix seconds."""
    date = datetime.fromtimestamp(then, UTC).date()
    return format_date(date, "long", locale=_DATES[_SPOKEN.get().code])


def device_name(device: str) -> str:
    """A device as `devices.name_of` has it: "Firefox on Linux"."""
    browser, on, system = device.partition(" on ")
    return say("%(browser)s on %(system)s", browser=browser, system=system) if on else device


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of a site, the first of them for whoever wants none of these."""

    messages: Mapping[str, NullTranslations]

    def of(self, request: web.Request) -> Language:
        """By what was chosen on the page, or in this browser before, or what the browser asks for."""
        offered = tuple(self.messages)
        code = _asked(request, offered) or _kept(request, offered)
        code = code or choose(request.headers.getall("Accept-Language", []), offered)
        return Language(code, self.messages[code], _others(request, code, offered))

    def middleware(self) -> Middleware:
        """Answers in the language of each request, and keeps one that was chosen on the page."""

        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            with spoken(self.of(request)) as language:
                response = await handler(request)
            if _asked(request, tuple(self.messages)) is not None and not response.prepared:
                response.headers.add("Set-Cookie", language_line(language.code))
            return response

        return handle


@contextmanager
def spoken(language: Language) -> Generator[Language]:
    """What is said inside is said in that language."""
    token = _SPOKEN.set(language)
    try:
        yield language
    finally:
        _SPOKEN.reset(token)


def spoken_now() -> Language:
    return _SPOKEN.get()


def _asked(request: web.Request, offered: Sequence[str]) -> str | None:
    code = request.query.get("lang")
    return code if request.method == "GET" and code in offered else None


def _kept(request: web.Request, offered: Sequence[str]) -> str | None:
    """Of a cookie that came twice neither counts: it is a wish, not a proof."""
    values = [value for name, value in parse(request.headers.getall("Cookie", [])).pairs if name == LANGUAGE]
    return values[0] if len(values) == 1 and values[0] in offered else None


def _others(request: web.Request, code: str, offered: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    if request.method != "GET" or request.path.startswith(_ONCE):
        return ()
    return tuple(
        (NAMES[other], other, str(request.rel_url.update_query(lang=other)))
        for other in offered
        if other != code
    )


def read_languages(codes: Sequence[str]) -> Languages:
    """The catalogues of these languages, all files of each together; English is what the sources say."""
    return Languages(MappingProxyType({code: _read(code) for code in codes}))


def _read(code: str) -> NullTranslations:
    whole = Translations()
    for path in sorted((CATALOGUES / code).glob("*.po")):
        compiled = BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale=code, abort_invalid=True))
        compiled.seek(0)
        whole.merge(Translations(compiled))
    return whole


def teach(environment: jinja2.Environment) -> None:
    """Templates say things by the same words as handlers."""
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    install = environment.install_gettext_callables  # type: ignore[attr-defined]  # the extension's
    install(say, _say_either, newstyle=True)  # whose templates fill in the values themselves
    environment.filters["ago"] = ago
    environment.filters["day"] = day
    environment.filters["device"] = device_name
