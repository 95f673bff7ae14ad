"""Who of a course has not come yet, by what its platform says."""

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.lti.members import Listed, Missing, first_page, missing, next_page, read_members
from tests.lti_platform import INSTRUCTOR
from tests.lti_services import member

MEMBERSHIPS = "https://lms.example.edu/members?course=1"


def test_pages_are_of_our_size_and_of_one_host() -> None:
    assert first_page(f"{MEMBERSHIPS}&limit=5&empty=") == f"{MEMBERSHIPS}&empty=&limit=100"
    assert next_page(None, MEMBERSHIPS) is None
    assert next_page("https://LMS.example.edu/more", MEMBERSHIPS) == "https://LMS.example.edu/more"
    for said in (
        "https://evil.example/",
        "http://lms.example.edu/",
        "https://lms.example.edu:444/",
        "//x",
        "http://[x",
    ):
        with pytest.raises(ProviderUnavailableError):
            next_page(said, MEMBERSHIPS)


def test_active_students_are_read() -> None:
    found = read_members(
        {
            "members": [
                member("ada"),
                member("ben", "Learner", status="Inactive"),
                member("cleo", "Learner", name=" Cleo\n Ek "),
                member("dan", name=None, given_name="Dan"),
                member("eve", name=7, given_name=None, family_name=None),
                member("grace", INSTRUCTOR),
                {**member("fay"), "roles": ["Learner", "Instructor"]},
                {**member("gus"), "roles": "Learner"},
                {**member("hal"), "roles": [7]},
                {"user_id": "ida", "roles": ["Learner"]},
                member(""),
                {**member("x"), "user_id": 7},
                "nobody",
            ]
        }
    )
    assert found == [
        Listed("ada", "Ada"),
        Listed("cleo", "Cleo Ek"),
        Listed("dan", "Dan"),
        Listed("eve", None),
        Listed("ida", None),
    ]


def test_no_list_of_members() -> None:
    documents: list[dict[str, object]] = [{}, {"members": {}}, {"members": "x"}]
    for document in documents:
        with pytest.raises(ProviderUnavailableError):
            read_members(document)


def test_who_is_missing() -> None:
    course = [
        Listed("1", "zoe"),
        Listed("2", "Ada"),
        Listed("2", "Ada"),
        Listed("3", None),
        Listed("4", "Ben"),
    ]
    assert missing(course, {"4", "teacher"}, whole=True) == Missing(("Ada", "zoe"), 1, 4, True)
    assert missing([], set(), whole=False) == Missing((), 0, 0, False)
