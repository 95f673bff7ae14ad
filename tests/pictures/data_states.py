"""What is kept of a person: their page, a deletion's receipt, and research."""

from tests.pictures.states import State
from tests.pictures.visitor import Visitor

DATA = "/auth/account/data"
DELETE = "button[value=delete]"


def _data(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open(DATA)


def _deleted(visitor: Visitor) -> None:
    _data(visitor)
    visitor.seen("input[name=sure]").click()
    visitor.click(DELETE)
    visitor.signed_out()


def _studies(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open("/auth/studies")


DATA_STATES = (
    State("data", "What is kept of a person, to be copied or deleted.", "Download everything", _data),
    State("deleted", "The receipt of a deletion.", "Everything of yours is deleted here", _deleted),
    State("studies", "Research, where none asks.", "No study asks you", _studies),
)
