"""gateway/config/watch.py: real files, saved in all the ways in which editors and tools save."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date
from pathlib import Path

import pytest

from gateway.config.faults import ConfigError
from gateway.config.watch import Origins, Reloaded

BACKENDS = ("storage",)


def content(*hosts: str, extra: str = "") -> str:
    items = "".join(f"      - https://{host}.example.edu\n" for host in hosts)
    head = "version: 1\ngroups:\n  books:\n    backends: [storage]\n"
    return f"{head}{extra}    origins:\n{items}"


def loaded(path: Path, *hosts: str) -> Origins:
    path.write_text(content(*hosts), encoding="utf-8")
    origins = Origins(path, BACKENDS, lambda: date(2027, 1, 10))
    assert origins.load() == ()
    return origins


def hosts(origins: Origins) -> list[str]:
    return sorted(origin.removeprefix("https://").partition(".")[0] for origin in origins.current.exact)


def codes(reloaded: Reloaded) -> list[str]:
    return [fault.code for fault in reloaded.faults]


# --- loading and reloading


def test_nothing_is_served_before_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        _ = Origins(tmp_path / "origins.yaml", BACKENDS).current


@pytest.mark.parametrize(
    ("text", "code"),
    [pytest.param(None, "cannot-read", id="missing"), pytest.param("a: [", "yaml-syntax", id="broken")],
)
def test_the_first_load_refuses(tmp_path: Path, text: str | None, code: str) -> None:
    path = tmp_path / "origins.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Origins(path, BACKENDS).load()
    assert code in {fault.code for fault in caught.value.faults}


def test_a_reload_swaps_one_reference(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a", "b")
    before = origins.current
    heard: list[Reloaded] = []
    origins.on_reload.append(heard.append)
    path.write_text(content("a", "b", "c"))
    reloaded = origins.reload()
    assert reloaded == Reloaded(
        changed=True,
        generation=origins.current.generation,
        diff=("new: https://c.example.edu: consent (books); denied -> consent",),
    )
    assert heard == [reloaded]
    assert origins.last is reloaded
    assert len(before.exact) == 2  # whoever holds the old table still sees the old policy
    assert hosts(origins) == ["a", "b", "c"]


def test_what_is_given_back_is_granted_since_then(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    path.write_text(content("a", "b", "c"))
    moments = iter((200.0, 300.7))
    origins = Origins(path, BACKENDS, lambda: date(2027, 1, 10), lambda: next(moments))
    origins.load()
    for names in (("b", "c"), ("a", "b", "c")):
        path.write_text(content(*names))
        assert origins.reload().changed
    since = [origins.current.exact[f"https://{name}.example.edu"].since for name in "abc"]
    assert since == [300, 0, 0]


def test_the_same_bytes_change_nothing(tmp_path: Path) -> None:
    origins = loaded(tmp_path / "origins.yaml", "a")
    before = origins.current
    assert origins.reload() == Reloaded(changed=False, generation=before.generation)
    assert origins.current is before


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(lambda path: path.write_text(content("a/")), "origin-path", id="fault"),
        pytest.param(
            lambda path: path.write_text(content("a", "b", "c")[:24]), "not-a-mapping", id="truncated"
        ),
        pytest.param(lambda path: path.write_text(""), "empty-file", id="emptied"),
        pytest.param(lambda path: path.unlink(), "cannot-read", id="vanished"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe"), "not-utf-8", id="garbage"),
        pytest.param(lambda path: path.write_bytes(b"#" * 2**21), "too-large", id="huge"),
    ],
)
def test_any_fault_keeps_the_old(tmp_path: Path, spoil: Callable[[Path], object], code: str) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a", "b", "c")
    before = origins.current
    spoil(path)
    reloaded = origins.reload()
    assert not reloaded.changed
    assert codes(reloaded)[0] == code
    assert origins.current is before
    assert origins.last is reloaded
    path.write_text(content("a", "b", "c", "d"))
    assert origins.reload().changed
    assert origins.last != reloaded


# --- a file that lost its origins


def test_more_than_half_lost_waits_for_a_word(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a", "b", "c")
    before = origins.current
    path.write_text(content("a"))
    refused = origins.reload()
    assert codes(refused) == ["lost-origins"]
    assert len(refused.diff) == 2
    assert origins.current is before
    generation = refused.faults[0].message.split("generation ")[1].split()[0]
    assert codes(origins.confirm("another")) == ["not-waiting"]
    assert origins.confirm(generation).changed
    assert (hosts(origins), origins.current.generation) == (["a"], generation)
    assert codes(origins.confirm(generation)) == ["not-waiting"]


def test_what_waits_is_forgotten_with_the_next_save(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a", "b", "c")
    path.write_text(content("a"))
    generation = origins.reload().faults[0].message.split("generation ")[1].split()[0]
    path.write_text(content("a", "b", "c", "d"))
    assert origins.reload().changed
    assert codes(origins.confirm(generation)) == ["not-waiting"]
    assert hosts(origins) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(content("a", "b"), id="half of four"),
        pytest.param(content("a", "b", "c", "d", extra="    read_only: true\n"), id="narrower is not lost"),
        pytest.param(
            content("a", "b", "c", "d").replace("backends: [storage]", "trust: denied"),
            id="denied is not lost",
        ),
    ],
)
def test_what_is_not_lost(tmp_path: Path, text: str) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a", "b", "c", "d")
    path.write_text(text)
    assert origins.reload().changed


# --- a folder of files


def test_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(content("b").replace("books", "bees"))
    (tmp_path / ".hidden.yaml").write_text("not: read")
    (tmp_path / "a.yaml~").write_text("not: read")
    origins = loaded(tmp_path / "a.yaml", "a")
    folder = Origins(tmp_path, BACKENDS)
    folder.load()
    assert (hosts(origins), hosts(folder)) == (["a"], ["a", "b"])
    (tmp_path / "c.yaml").write_text(content("c").replace("books", "seas"))
    assert folder.reload().changed
    assert hosts(folder) == ["a", "b", "c"]


def test_an_empty_folder_keeps_the_old(tmp_path: Path) -> None:
    loaded(tmp_path / "a.yaml", "a")
    folder = Origins(tmp_path, BACKENDS)
    folder.load()
    (tmp_path / "a.yaml").unlink()
    assert codes(folder.reload()) == ["no-files"]


# --- watching


@asynccontextmanager
async def watched(origins: Origins) -> AsyncGenerator[asyncio.Queue[Reloaded]]:
    heard: asyncio.Queue[Reloaded] = asyncio.Queue()
    origins.on_reload.append(heard.put_nowait)
    stop = asyncio.Event()
    task = asyncio.create_task(origins.watch(stop))
    await asyncio.sleep(0.2)
    try:
        yield heard
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


async def next_of(heard: asyncio.Queue[Reloaded]) -> Reloaded:
    async with asyncio.timeout(10):
        return await heard.get()


def rename(path: Path) -> None:
    fresh = path.with_name(".origins.yaml.swp")
    fresh.write_text(content("a", "b"))
    fresh.replace(path)


def backup_and_write(path: Path) -> None:
    path.rename(path.with_name("origins.yaml~"))
    path.write_text(content("a", "b"), encoding="utf-8")


def same_size_and_time(path: Path) -> None:
    found = path.stat()
    path.write_text(content("a", "c").replace("c.", "b."), encoding="utf-8")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "save",
    [
        pytest.param(lambda path: path.write_text(content("a", "b")), id="in place"),
        pytest.param(rename, id="by rename"),
        pytest.param(backup_and_write, id="renamed away first"),
        pytest.param(same_size_and_time, id="with the old time"),
    ],
)
async def test_a_save_is_noticed(tmp_path: Path, save: Callable[[Path], object]) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a")
    async with watched(origins) as heard:
        save(path)
        assert (await next_of(heard)).changed
        assert hosts(origins) == ["a", "b"]
        path.write_text(content("a", "b", "c"))  # and the next one too, whatever the first did to the watch
        assert (await next_of(heard)).changed
        assert hosts(origins) == ["a", "b", "c"]


async def test_a_link_that_is_turned_is_noticed(tmp_path: Path) -> None:
    for name, listed in {"one": ("a",), "two": ("a", "b")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "origins.yaml").write_text(content(*listed))
    (tmp_path / "current").symlink_to("one")
    origins = Origins(tmp_path / "current" / "origins.yaml", BACKENDS)
    origins.load()
    async with watched(origins) as heard:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(tmp_path / "current")
        assert (await next_of(heard)).changed
    assert hosts(origins) == ["a", "b"]


async def test_a_half_written_save_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a")
    async with watched(origins) as heard:
        whole = content("a", "b", "c")
        with path.open("w") as opened:
            for start in range(0, len(whole), 40):
                opened.write(whole[start : start + 40])
                opened.flush()
                await asyncio.sleep(0.05)
        assert (await next_of(heard)).changed
        assert heard.empty()
    assert hosts(origins) == ["a", "b", "c"]


async def test_a_vanished_file_is_reported_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a")
    async with watched(origins) as heard:
        path.unlink()
        assert codes(await next_of(heard)) == ["cannot-read"]
        assert hosts(origins) == ["a"]
        path.write_text(content("a", "b"))
        assert (await next_of(heard)).changed


async def test_a_vanished_folder_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    path = folder / "origins.yaml"
    origins = loaded(path, "a")
    async with watched(origins) as heard:
        path.unlink()
        folder.rmdir()
        assert codes(await next_of(heard)) == ["cannot-read"]
        folder.mkdir()
        path.write_text(content("a", "b"))
        assert (await next_of(heard)).changed


async def test_watching_begins_without_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    origins = loaded(folder / "origins.yaml", "a")
    folder.rename(tmp_path / "away")
    async with watched(origins) as heard:
        assert codes(await next_of(heard)) == ["cannot-read"]
        (tmp_path / "away" / "origins.yaml").write_text(content("a", "b"))
        (tmp_path / "away").rename(folder)
        assert (await next_of(heard)).changed


async def test_a_signal_in_the_middle_of_a_save_wins(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a")
    async with watched(origins) as heard:
        path.write_text(content("a", "b"))
        assert origins.reload().changed
        await asyncio.sleep(0.5)
        assert (await next_of(heard)).changed
        assert heard.empty()
    assert hosts(origins) == ["a", "b"]


async def test_it_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    origins = loaded(tmp_path / "origins.yaml", "a")
    task = asyncio.create_task(origins.watch(asyncio.Event()))
    await asyncio.sleep(0.2)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.done()


# --- what another process has read


async def test_what_another_process_let_pass_is_taken(tmp_path: Path) -> None:
    reading = loaded(tmp_path / "origins.yaml", "a", "b", "c")
    taking = Origins(tmp_path / "not there", BACKENDS, lambda: date(2027, 1, 10))
    taking.begin(reading.files)
    assert taking.current == reading.current
    heard: list[Reloaded] = []
    taking.on_reload.append(heard.append)
    files = {"origins.yaml": content("a").encode()}
    took = await taking.take(files)
    assert (took.changed, hosts(taking), taking.files) == (True, ["a"], files)
    assert not (await taking.take(files)).changed
    assert heard == [took, taking.last]


async def test_what_another_process_refused_is_told(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    reading, taking = loaded(path, "a"), loaded(tmp_path / "same.yaml", "a")
    path.write_text(content("a/"))
    faults = reading.reload().faults
    kept = taking.keep(faults)
    assert (kept.changed, kept.faults, taking.last, hosts(taking)) == (False, faults, kept, ["a"])
    assert codes(await taking.take({path.name: b""})) == ["empty-file"]
    assert hosts(taking) == ["a"]


async def test_of_two_reloads_aside_the_later_counts(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a")
    heard: list[Reloaded] = []
    origins.on_reload.append(heard.append)
    path.write_text(content("a", "b"))
    await asyncio.gather(origins.reload_aside(), origins.reload_aside())
    assert ([reloaded.changed for reloaded in heard], hosts(origins)) == ([True], ["a", "b"])


def test_backends_may_change_their_names_unless_one_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "origins.yaml"
    origins = loaded(path, "a")
    with pytest.raises(ConfigError):
        origins.rename_backends(["grades"])
    more = content("a", "b").replace("[storage]", "[storage, grades]")
    path.write_text(more)
    assert not origins.reload().changed
    origins.rename_backends(["storage", "grades"])
    assert origins.reload().changed
