"""SIGUSR2: gateway.yaml is taken anew by new workers; what is wrong with it leaves everything as it is."""

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import aiohttp

from tests.lying_provider import SECRET
from tests.system.house import ORIGINS
from tests.workers.gateway_process import GatewayProcess, gateway_process, until

MARKS = '  marks: {urls: ["http://127.0.0.1:9"], routes: [{path: /marks/}]}\n'


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


async def test_the_number_of_workers_can_change(gateway: GatewayProcess) -> None:
    for before, count in ((2, 3), (3, 1), (1, 2)):
        old = gateway.workers()
        edit(gateway.config, f"workers: {before}\n", f"workers: {count}\n")
        assert (await gateway.answer(signal.SIGUSR2, "replaced", "workers"))["workers"] == count
        await until(partial(gateway.serve, count, *old))


WRONG = {
    "unknown-version": ("version: 1", "version: 2"),
    "missing-file": ("file: root.key", "file: gone.key"),
    "state changed: that takes a restart": ("/state", "/elsewhere"),
    "`grades`": ("  grades:", "  marks:"),  # origins.yaml names it
    "directory": ("providers:", "directory: {url: 'sqlite:////nowhere/d'}\nproviders:"),
}


async def test_what_is_wrong_with_gateway_yaml_changes_nothing(gateway: GatewayProcess) -> None:
    sound = gateway.config.read_text()
    for fault, (old, new) in WRONG.items():
        workers = gateway.workers()
        edit(gateway.config, old, new)
        refused = await gateway.answer(signal.SIGUSR2, "replacing", "fault")
        assert fault in str(refused["fault"])
        assert gateway.workers() == workers
        # who dies now is replaced with what was in force
        os.kill(workers[0], signal.SIGKILL)
        await until(partial(gateway.serve, 2, workers[0]))
        assert (await gateway.readiness())[0] == 200
        gateway.config.write_text(sound)
    await gateway.answer(signal.SIGUSR2, "replaced", "workers")


async def test_origins_may_name_a_backend_once_the_workers_know_it(gateway: GatewayProcess) -> None:
    edit(gateway.origins, "[storage, analytics, grades]", "[storage, analytics, grades, marks]")
    assert (await gateway.answer(signal.SIGHUP, "origins", "faults"))["faults"]
    edit(gateway.config, "  grades:", f"{MARKS}  grades:")
    await gateway.answer(signal.SIGUSR2, "replaced", "workers")
    await until(lambda: gateway.lines("origins")[-1]["changed"])
    generation = gateway.lines("origins")[-1]["generation"]
    both = set(gateway.workers())
    taken = {"origins": generation}.items()

    def told() -> set[object]:  # as they began, or later
        lines = gateway.lines("serving") + gateway.lines("in force")
        return {line["worker"] for line in lines if taken <= line.items()}

    await until(lambda: both <= told())
    ready, shown = await gateway.readiness()
    assert (ready, shown["origins"]) == (200, {"generation": generation, "faults": []})


async def test_who_comes_after_origins_were_spoilt_has_those_in_force(gateway: GatewayProcess) -> None:
    generation = gateway.lines("serving")[0]["origins"]
    gateway.origins.write_text(ORIGINS[: ORIGINS.index("  others:")])
    refused = await gateway.answer(signal.SIGHUP, "origins", "faults")
    assert "lost-origins" in str(refused["faults"])
    for pid in gateway.workers():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: len(gateway.lines("serving")) == 4)
    await gateway.answer(signal.SIGUSR2, "replaced", "workers")
    await until(lambda: len(gateway.lines("serving")) == 6)
    assert {line["origins"] for line in gateway.lines("serving")} == {generation}
    _, shown = await gateway.readiness()
    assert "lost-origins" in str(shown["origins"]), "health tells of the file as it lies there"


async def test_workers_that_die_at_once_are_tried_less_and_less_and_come_back(
    gateway: GatewayProcess,
) -> None:
    directory = gateway.folder / "state" / "directory.sqlite3"
    for pid in gateway.workers():
        os.kill(pid, signal.SIGKILL)
    sound = {path: path.read_bytes() for path in directory.parent.glob(f"{directory.name}*")}
    for path in sound:
        path.unlink()
    directory.write_bytes(b"no database" * 1000)
    await until(lambda: {0, 0.25, 0.5, 1.0} <= {line.get("pause") for line in gateway.lines("worker")})
    assert gateway.lines("worker")[-1]["reason"], "the line says why"
    assert gateway.process.returncode is None
    for path, data in sound.items():
        path.write_bytes(data)
    await until(partial(gateway.serve, 2))
    assert (await gateway.readiness())[0] == 200


async def test_an_address_that_is_taken_is_said(tmp_path: Path, gateway: GatewayProcess) -> None:
    second = tmp_path / "second"
    second.mkdir()
    async with gateway_process(second, 1) as other:
        edit(other.config, f'127.0.0.1:{other.port}", ', f'127.0.0.1:{gateway.port}", ')
        refused = await other.answer(signal.SIGUSR2, "replacing", "fault")
        assert refused["fault"] == "listen changed: that takes a restart"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.server", str(other.config)),
        env={**os.environ, "SECRET": SECRET},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert f"cannot start: [Errno 98] 127.0.0.1:{gateway.port}: Address already in use" in words.decode()


async def test_a_path_is_listened_on_by_old_and_new_workers_and_gone_at_the_end(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, 2, listen='"unix:public.sock"') as gateway:
        connector = aiohttp.UnixConnector(str(tmp_path / "public.sock"), force_close=True)
        async with aiohttp.ClientSession(connector=connector) as client:
            for _ in range(2):
                async with client.get(f"{gateway.url}/pictures/1") as got:
                    assert got.status == 200
                old = gateway.workers()
                await gateway.answer(signal.SIGUSR2, "replaced", "workers")
                await until(partial(gateway.serve, 2, *old))
        gateway.signal(signal.SIGINT)
        assert await asyncio.wait_for(gateway.process.wait(), 60) == 0
        assert not (tmp_path / "public.sock").exists()
