"""From a form of ours to another site: CSP's form-action binds the redirects of a form too."""

from aiohttp import web

from gateway.pages.flow import Parts


def onward(request: web.Request, parts: Parts, redirect: web.Response, label: str) -> web.Response:
    """The redirect; as the answer to a form a page that goes there by itself. label: where it leads to."""
    if request.method == "GET":
        return redirect
    values = {"provider": label, "target": redirect.headers["Location"]}
    page = parts.renderer.page("onward.html", values, in_flow=False)
    for line in redirect.headers.getall("Set-Cookie", []):
        page.headers.add("Set-Cookie", line)
    return page
