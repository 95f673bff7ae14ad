"""The account page, section by section, in the order in which it shows them."""

from gateway.pages.account_books import approved_books, withdraw
from gateway.pages.account_classes import classes_of
from gateway.pages.account_data import data_of
from gateway.pages.account_sessions import (
    end_one,
    end_others,
    everywhere,
    other_browsers,
    save_device,
    sign_out,
    sign_out_everywhere,
    this_browser,
)
from gateway.pages.language import mark
from gateway.pages.sections import Section

SECTIONS: tuple[Section, ...] = (
    Section("browser", mark("This browser"), this_browser, {"device": save_device, "sign-out": sign_out}),
    Section(
        "books", mark("Books that you allowed to save your work"), approved_books, {"withdraw": withdraw}
    ),
    Section("classes", mark("Classes"), classes_of),
    Section("elsewhere", mark("Other browsers"), other_browsers, {"end": end_one, "others": end_others}),
    Section("data", mark("Your data"), data_of),
    Section("everywhere", mark("Sign out"), everywhere, {"everywhere": sign_out_everywhere}),
)
