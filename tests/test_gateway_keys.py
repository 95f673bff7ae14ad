import json
import subprocess
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.config.faults import ConfigError
from gateway.lti import ToolKey
from gateway.signing_keys import Rotation
from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state

A, B, C = (letter * 43 for letter in "abc")
SINCE = "2026-11-22T19:04:05Z"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def with_keys(block: str) -> str:
    return with_state(MINIMAL) + f"keys: {block}\n"


def test_the_first_of_a_file_seals_and_all_others_open(site: Path) -> None:
    (site / "secrets" / "root").write_text(f"# ours\n{A}\n{B} opens until={SINCE}\n")
    keys = parse(with_keys("{root: {file: secrets/root}, previous: [{file: secrets/older}]}"), site).keys
    older = b"older".ljust(43, b"x")
    assert (keys.root, keys.previous, keys.apart) == (A.encode(), (B.encode(), older), (older,))
    assert keys.root_file == site / "secrets" / "root"


def test_a_file_that_nobody_named_is_followed_too(site: Path) -> None:
    (site / "state" / "keys" / "root").write_text(f"{A}\n{B} waits since={SINCE}\n")
    keys = parse(with_state(MINIMAL), site).keys
    assert (keys.root, keys.previous) == (A.encode(), (B.encode(),))
    assert keys.root_file == site / "state" / "keys" / "root"


def test_the_environment_holds_one_key_and_no_file(site: Path) -> None:
    keys = parse(with_keys("{root: {env: ROOT}}"), site, {"ROOT": f"{A} {B}"}).keys
    assert (keys.root, keys.previous, keys.root_file) == (f"{A} {B}".encode(), (), None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("# none\n", "bad-key-file", id="no key"),
        pytest.param(f"{A} waits since={SINCE}", "bad-key-file", id="nothing seals"),
        pytest.param(f"{A}\n{A}", "bad-key-file", id="one twice"),
        pytest.param(f"{A} {B}", "bad-key-file", id="two on a line"),
        pytest.param(f"{A}\nshort", "short-key", id="short"),
    ],
)
@pytest.mark.parametrize("block", ["{{root: {}}}", "{{previous: [{}]}}"])
def test_a_faulty_file_is_a_fault(text: str, code: str, block: str, site: Path) -> None:
    (site / "secrets" / "ring").write_text(text)
    assert faults(with_keys(block.format("{file: secrets/ring}")), site) == [(8, code)]


@pytest.mark.parametrize("name", ["people", "research"])
def test_no_key_of_the_ring_is_one_of_the_others(name: str, site: Path) -> None:
    other = (site / "state" / "keys" / name).read_text()
    (site / "secrets" / "ring").write_text(f"{A}\n{other}\n")
    assert faults(with_keys("{root: {file: secrets/ring}}"), site) == [(8, "same-key")]
    assert faults(with_keys("{previous: [{file: secrets/ring}]}"), site) == [(8, "same-key")]


def test_when_the_keys_of_assertions_change(site: Path) -> None:
    assert parse(with_state(MINIMAL), site).keys.assertion == Rotation(30 * 86400, 86400)
    block = "{assertion: {rotate: 7d, publish_before: 2h}}"
    assert parse(with_keys(block), site).keys.assertion == Rotation(7 * 86400, 7200)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("{rotate: 30m}", "duration-out-of-range"),
        ("{publish_before: 30s}", "duration-out-of-range"),
        ("{rotate: 1d, publish_before: 1d}", "publish-too-long"),
        ("{rotate: 12h}", "publish-too-long"),
        ("{every: 1d}", "unknown-key"),
    ],
)
def test_a_faulty_rotation_is_a_fault(block: str, code: str, site: Path) -> None:
    assert faults(with_keys(f"{{assertion: {block}}}"), site) == [(8, code)]


def pem(*arguments: str) -> str:
    made = subprocess.run(["openssl", "genpkey", *arguments], check=True, capture_output=True, text=True)
    return made.stdout


RSA = pem("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
NEXT = pem("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
CURVE = pem("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def key_set(tool: ToolKey) -> KeySet:
    return KeySet.import_key_set(json.loads(json.dumps(tool.jwks())))


@pytest.mark.parametrize(
    "block",
    [pytest.param("{lti: {file: secrets/tool}}", id="named"), pytest.param("{}", id="where it lies")],
)
def test_platforms_know_the_site_by_its_first_key_and_hear_of_the_next(block: str, site: Path) -> None:
    assert parse(with_keys("{}"), site).keys.lti is None
    for path in ("secrets/tool", "state/keys/lti"):
        (site / path).write_text(RSA + NEXT)
    lti = parse(with_keys(block), site).keys.lti
    assert lti is not None
    tool, now = ToolKey(lti), int(time.time())
    signed = jwt.decode(tool.sign({"iss": "us"}, now + 0.7), key_set(tool))
    assert signed.claims == {"iss": "us", "iat": now, "exp": now + 60}
    published = tool.jwks()["keys"]
    assert isinstance(published, list)
    assert [each["alg"] for each in published] == ["RS256", "RS256"]
    assert signed.header["kid"] == published[0]["kid"]
    assert not any({"d", "p", "q"} & set(each) for each in published)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("nothing", "no PEM block", id="no key"),
        pytest.param(CURVE, "RSA keys alone", id="a curve"),
        pytest.param(RSA + RSA, "one key twice", id="one twice"),
    ],
)
def test_a_faulty_key_of_the_tool_is_a_fault(text: str, said: str, site: Path) -> None:
    (site / "secrets" / "tool").write_text(text)
    with pytest.raises(ConfigError) as caught:
        parse(with_keys("{lti: {file: secrets/tool}}"), site)
    (fault,) = caught.value.faults
    assert (fault.line, fault.code) == (8, "bad-lti-key")
    assert said in fault.message


def test_a_key_of_the_tool_stands_in_no_file_of_settings(site: Path) -> None:
    assert faults(with_keys(f"{{lti: {RSA!r}}}"), site) == [(8, "secret-in-file")]
    assert faults(with_keys("{lti: {file: secrets/none}}"), site) == [(8, "missing-file")]
