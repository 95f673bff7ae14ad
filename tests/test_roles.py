"""What somebody is: by which rules, in which books."""

from gateway.roles import RoleRule, classes_in, roles_anywhere, roles_in, roles_of

RULES = (
    RoleRule("teacher", "campus", "affiliation", "faculty"),
    RoleRule("teacher", "campus", "affiliation", "staff"),
    RoleRule("researcher", "campus", "groups", "csed-lab", frozenset({"ada-cs1", "logic"})),
    RoleRule("operator", "google", "groups", "ops"),
)


def test_roles_by_what_the_provider_said() -> None:
    said = {"affiliation": ("faculty", "staff", "member"), "groups": ("csed-lab", "ops")}
    assert roles_of(RULES, "campus", said) == ("teacher", "researcher@ada-cs1", "researcher@logic")
    assert roles_of(RULES, "google", said) == ("operator",)
    assert roles_of(RULES, "campus", {"affiliation": ("facult", "Faculty")}) == ()
    assert roles_of(RULES, "campus", {}) == ()


def test_roles_count_in_their_book() -> None:
    kept = ("teacher", "researcher@ada-cs1", "teacher@logic")
    assert roles_in(kept, "ada-cs1") == ("teacher", "researcher")
    assert roles_in(kept, "logic") == ("teacher",)
    assert roles_in(kept, None) == ("teacher",)
    assert roles_in(("researcher@logic",), None) == ()


def test_roles_of_any_book() -> None:
    assert roles_anywhere(("teacher@logic", "researcher@ada-cs1", "teacher")) == ("teacher", "researcher")


def test_classes_are_those_of_the_book() -> None:
    classes = (("a", "teacher", "ada-cs1"), ("b", "student", "logic"))
    assert classes_in(classes, "ada-cs1") == [{"id": "a", "role": "teacher"}]
    assert classes_in(classes, None) == []
