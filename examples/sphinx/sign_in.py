"""Put the sign-in above the text of every page, in every theme."""

SIGN_IN = '<link rel="bookgate-return" href="{}"><bookgate-sign-in></bookgate-sign-in>'


def add_sign_in(app, pagename, templatename, context, doctree):
    if "body" in context:
        return_page = context["pathto"]("bookgate-return.html", resource=True)
        context["body"] = SIGN_IN.format(return_page) + context["body"]


def setup(app):
    app.connect("html-page-context", add_sign_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
