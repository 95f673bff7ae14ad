"""The account page, section by section, in the order in which it shows them."""

from gateway.pages.account_books import approved_books, withdraw
from gateway.pages.account_classes import classes_of
from gateway.pages.account_data import data_of
from gateway.pages.account_keys import passkeys_of, remove_passkey, tokens_of
from gateway.pages.account_name import name_of, rename
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
from gateway.pages.account_studies import studies_of
from gateway.pages.account_ways import add_way, remove_way, undo_merge, ways_of
from gateway.pages.language import mark
from gateway.pages.sections import Section

SECTIONS: tuple[Section, ...] = (
    Section("browser", mark("This browser"), this_browser, {"device": save_device, "sign-out": sign_out}),
    Section("name", mark("Your name"), name_of, {"name": rename}),
    Section(
        "books", mark("Books that you allowed to save your work"), approved_books, {"withdraw": withdraw}
    ),
    Section(
        "ways",
        mark("Ways in"),
        ways_of,
        {"way-add": add_way, "way-remove": remove_way, "unmerge": undo_merge},
    ),
    Section("passkeys", mark("Passkeys"), passkeys_of, {"passkey-remove": remove_passkey}),
    Section("tokens", mark("Tokens for scripts"), tokens_of),
    Section("classes", mark("Classes"), classes_of),
    Section("elsewhere", mark("Other browsers"), other_browsers, {"end": end_one, "others": end_others}),
    Section("studies", mark("Research"), studies_of),
    Section("data", mark("Your data"), data_of),
    Section("everywhere", mark("Sign out"), everywhere, {"everywhere": sign_out_everywhere}),
)
