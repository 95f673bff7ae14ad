"""The rules of the house, checked on the sources themselves."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each room imports only from rows above its own, and nothing of its own row.
ROWS = (
    ("errors", "compiled"),
    (
        "client_keys",
        "origins",
        "lti_platforms",
        "provider_presets",
        "routes",
        "records",
        "roles",
        "revocation_rules",
        "sealing",
        "session_limits",
        "client_address",
        "redis_address",
        "studies_rules",
    ),
    ("identity", "limits", "passkeys", "personal_tokens", "session_ids", "devices"),
    ("token_bucket",),
    (
        "cookies",
        "cors",
        "card_words",
        "classes_rules",
        "first_party",
        "grant_rules",
        "dpop",
        "signing_keys",
        "known",
        "refusals",
    ),
    ("access", "authorize_rules", "doctor_rules", "verdicts", "surfaces"),
    ("forms", "request_context", "expectation", "reception"),
    ("store", "telemetry"),
    ("request_log",),
    ("metrics",),
    ("metric_files",),
    ("session_life",),
    ("session_ends",),
    ("book_sessions",),
    ("sessions", "grants", "budgets", "assertions", "directory", "providers", "config"),
    ("quick_sessions", "lti"),
    ("authentication", "keyring", "leases", "provider_tokens", "journal", "origin_history"),
    ("proxy", "revocations"),
    ("opening",),
    ("lifecycle", "code_exchange"),
    ("protocol", "pages"),
    ("applications",),
    ("middleware", "health"),
    ("app",),
    ("server",),
    ("development",),
    ("commands",),
    ("__main__",),
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}

PURE = (
    "access",
    "applications.rules",
    "authorize_rules",
    "budgets",
    "card_words",
    "classes_rules",
    "client_address",
    "client_keys",
    "cookies",
    "cors",
    "devices",
    "doctor_rules",
    "dpop",
    "errors",
    "first_party",
    "grant_rules",
    "identity",
    "lti.deep_linking",
    "lti.launch",
    "lti.members",
    "lti.scores",
    "lti.services",
    "lti.registration",
    "origins",
    "pages.accept_language",
    "pages.account_view",
    "pages.back",
    "pages.colours",
    "personal_tokens",
    "providers.issuers",
    "providers.logout_token",
    "providers.signed_token",
    "provider_tokens.rules",
    "proxy.answer",
    "proxy.answer_body",
    "proxy.answer_head",
    "proxy.balance",
    "proxy.canonical",
    "proxy.chunked",
    "proxy.decide",
    "proxy.fields",
    "proxy.frames",
    "proxy.head",
    "proxy.pace",
    "proxy.path",
    "proxy.plan",
    "proxy.request_bytes",
    "proxy.trace",
    "records",
    "redis_address",
    "refusals",
    "revocation_rules",
    "roles",
    "routes",
    "sealing",
    "session_ids",
    "session_limits",
    "studies_rules",
    "surfaces",
    "token_bucket",
    "verdicts",
)
ACTING = frozenset(
    {
        "aiohttp", "asyncio", "logging", "os", "random", "redis", "secrets", "socket", "sqlalchemy",
        "structlog", "subprocess", "threading", "time",
    }
)  # fmt: skip

COVERED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]["include"]

VAGUE = re.compile(r"(?:^|_)(?:utils?|helpers?|common|base|managers?|misc)(?:_|$)")


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "node_modules" not in path.parts]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


MODULES = {name_of(path): path for path in sources("gateway", "backends")}


@cache
def imports(module: str) -> frozenset[str]:
    """What a module names in its imports; a submodule where one is meant."""
    found: set[str] = set()
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports from the top"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else str(node.module))
    return frozenset(found)


def room_of(module: str) -> str:
    return module.split(".")[1]


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


GATEWAY = sorted(module for module in MODULES if module.startswith("gateway."))
OURS = sources("gateway", "backends")
ALL = [*OURS, *sources("tests", "bench")]


@pytest.mark.parametrize("module", GATEWAY)
def test_imports_point_down(module: str) -> None:
    room = room_of(module)
    assert room in ROW_OF, f"place `{room}` in ROWS"
    for imported in imports(module):
        if not imported.startswith("gateway.") or room_of(imported) == room:
            continue
        below = room_of(imported)
        assert ROW_OF[below] < ROW_OF[room], f"{module} imports {imported}, which is not below it"


def test_there_are_no_cycles() -> None:
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module in done:
            return
        for imported in imports(module) & MODULES.keys():
            # a package's own front door is open to its rooms' visitors, not a cycle of its rooms
            visit(imported, (*way, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


def acting(module: str, seen: set[str]) -> Iterator[str]:
    """The ways by which a module reaches something that acts."""
    seen.add(module)
    for imported in sorted(imports(module)):
        if imported.split(".")[0] in ACTING:
            yield f"{module} -> {imported}"
        elif imported in MODULES and imported not in seen:
            yield from acting(imported, seen)


@pytest.mark.parametrize("module", PURE)
def test_decisions_are_pure(module: str) -> None:
    assert list(acting(f"gateway.{module}", set())) == []


def test_gateway_and_backends_know_nothing_of_each_other() -> None:
    for module in MODULES:
        other = "backends" if module.startswith("gateway") else "gateway"
        assert not {name for name in imports(module) if name.split(".")[0] == other}, module


@pytest.mark.parametrize(
    ("library", "room"),
    [
        pytest.param("redis", "store", id="redis"),
        pytest.param("hiredis", "store", id="hiredis"),
        pytest.param("sqlalchemy", "directory", id="sql"),
        pytest.param("alembic", "directory", id="migrations"),
        pytest.param("yaml", "config", id="yaml"),
        pytest.param("authlib", "providers development", id="oidc"),
        pytest.param("aiohttp_session", "pages app", id="session shell"),
        pytest.param("typer", "commands development __main__", id="commands"),
    ],
)
def test_one_place_for_each_crossing(library: str, room: str) -> None:
    users = {room_of(name) for name in GATEWAY if any(i.split(".")[0] == library for i in imports(name))}
    assert users <= set(room.split())


@pytest.mark.parametrize("path", ALL, ids=ids(ALL))
def test_a_file_fits_in_a_head(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", OURS, ids=ids(OURS))
def test_functions_are_short_and_hide_no_import(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if "versions" not in path.parts:  # a migration is one list of statements, written once
            assert (node.end_lineno or 0) - node.lineno < 50, node.name
        hidden = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
        assert hidden == [], f"{node.name} imports on line {hidden}"


@pytest.mark.parametrize("path", OURS, ids=ids(OURS))
def test_a_module_says_what_it_is_for_and_is_named_for_it(path: Path) -> None:
    assert ast.get_docstring(tree(path)), "the first sentence is missing"
    assert not VAGUE.search(path.stem)


def test_the_map_names_every_room() -> None:
    written = (ROOT / "gateway" / "__init__.py").read_text("utf-8")
    rooms = {room_of(module) for module in GATEWAY} - {"__main__"}
    assert [room for room in sorted(rooms) if not re.search(rf"\b{room}\b", written)] == []


# Where a request, or the thread that writes, begins: what nobody foresaw becomes a 500 and a log line there.
ENTRY_POINTS = (
    "gateway/middleware.py",
    "gateway/proxy/fast.py",
    "backends/serving.py",
    "backends/database.py",
)


def swallows_everything(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    names = {"Exception", "BaseException"}
    everything = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in names)
    goes_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
    return everything and not goes_on


@pytest.mark.parametrize("path", OURS, ids=ids(OURS))
def test_only_entry_points_catch_everything(path: Path) -> None:
    caught = [node for node in ast.walk(tree(path)) if swallows_everything(node)]
    assert not caught or str(path.relative_to(ROOT)) in ENTRY_POINTS


def test_the_client_needs_no_build_step_and_depends_on_nothing() -> None:
    package = json.loads((ROOT / "client" / "package.json").read_text("utf-8"))
    assert not [key for key in package if "ependencies" in key]
    assert package["exports"]["."]["default"] == "./bookgate.js"
    assert {path.suffix for path in (ROOT / "client").rglob("*") if path.is_file()} == {
        ".html",
        ".js",
        ".json",
    }


def test_every_pure_module_is_covered_whole() -> None:
    assert [f"gateway/{name.replace('.', '/')}.py" for name in PURE] == COVERED
