"""The names of the browser tests: each a site of its own, all on one address of loopback."""

ADDRESS = "127.0.77.1"
GATEWAY = "gw.test"
PROVIDER = "idp.test"
LMS = "lms.test"
LAB = "lab.test"  # an application with pages, behind the gateway
TRUSTED = "book-a.test"
ASKED = "book-b.test"
ALSO_TRUSTED = "book-c.test"
BY_ISOLATED_PROVIDER = "book-d.test"
DENIED = "evil.test"
SHELF = "shelf.test"  # an origin of two books
OPEN = "open.test"  # takes guests
SCHOOL = "school.test"  # takes class cards
OPEN_ASKED = "open-asked.test"  # takes guests, and must ask before a person's work is kept
STUDIED = "studied.test"  # research asks its readers
COURSE = "course-book.test"  # takes launches from a course
COURSE_ASKED = "course-asked.test"  # takes launches, and must ask before a person's work is kept
KEYED = "keyed.test"  # takes passkeys
SIBLING = f"notes.{TRUSTED}"  # the same site, another origin
BOOKS = (
    TRUSTED,
    ASKED,
    ALSO_TRUSTED,
    BY_ISOLATED_PROVIDER,
    DENIED,
    SHELF,
    OPEN,
    OPEN_ASKED,
    KEYED,
    SCHOOL,
    STUDIED,
    COURSE,
    COURSE_ASKED,
)
NAMES = (GATEWAY, PROVIDER, LMS, LAB, SIBLING, *BOOKS)
