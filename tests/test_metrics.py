import asyncio
import os
from io import StringIO
from pathlib import Path

import pytest

from gateway.metric_files import STALE, MetricFiles
from gateway.metrics import HELP, Metrics, exposed
from gateway.request_log import Ended
from gateway.telemetry import make_log
from tests.workers.gateway_process import until


def ended(status: int, ms: float = 4.0, backend_ms: float | None = None) -> Ended:
    return Ended(
        "an-id",
        "GET",
        "storage",
        "https://books.example.edu",
        status,
        "why",
        ms,
        backend_ms=backend_ms,
        bytes_in=3,
        bytes_out=5,
        person="hash",
        trace="4bf92f3577b34da6a3ce929d0e0e4736",
    )


def test_requests_are_counted_by_route_and_class_of_status() -> None:
    metrics = Metrics(7)
    for status in (200, 204, 404):
        metrics.note(ended(status))
    numbers = metrics.numbers()
    told = {
        'bookgate_requests_total{worker="7",route="storage",status="2xx"}': 2,
        'bookgate_requests_total{worker="7",route="storage",status="4xx"}': 1,
        'bookgate_received_bytes_total{worker="7",route="storage"}': 9,
        'bookgate_sent_bytes_total{worker="7",route="storage"}': 15,
    }
    assert told.items() <= numbers.items()


def test_a_bucket_holds_what_is_at_most_its_bound_and_all_below() -> None:
    metrics = Metrics(7)
    for ms in (5, 5.01, 60_000):
        metrics.note(ended(200, ms, backend_ms=1))
    numbers = metrics.numbers()

    def of(series: str) -> float:
        return numbers[f'bookgate_{series}"storage"' + "}"]

    def took(bound: str) -> float:
        return numbers[f'bookgate_request_seconds_bucket{{worker="7",route="storage",le="{bound}"}}']

    assert [took(bound) for bound in ("0.0025", "0.005", "0.01", "30", "+Inf")] == [0, 1, 2, 2, 3]
    assert of('request_seconds_count{worker="7",route=') == 3
    assert of('request_seconds_sum{worker="7",route=') == pytest.approx(60.01001)
    assert of('backend_seconds_count{worker="7",route=') == 3
    assert of('backend_seconds_sum{worker="7",route=') == pytest.approx(0.003)


def test_the_series_of_a_name_stand_together_after_its_meaning() -> None:
    first, second = Metrics(1), Metrics(2)
    for metrics in (first, second):
        metrics.show("bookgate_tasks", lambda: 4)
        metrics.show("bookgate_backend_well", lambda: True, backend='a"\\\n', url=0)
    lines = exposed(first.numbers() | second.numbers()).splitlines()
    assert lines == [
        "# HELP bookgate_tasks " + HELP["bookgate_tasks"],
        "# TYPE bookgate_tasks gauge",
        'bookgate_tasks{worker="1"} 4',
        'bookgate_tasks{worker="2"} 4',
        "# HELP bookgate_backend_well " + HELP["bookgate_backend_well"],
        "# TYPE bookgate_backend_well gauge",
        'bookgate_backend_well{worker="1",backend="a\\"\\\\\\n",url="0"} 1',
        'bookgate_backend_well{worker="2",backend="a\\"\\\\\\n",url="0"} 1',
    ]


def test_nothing_of_who_asked_is_told() -> None:
    metrics = Metrics(7)
    metrics.note(ended(200))
    text = exposed(metrics.numbers())
    assert not [said for said in ("an-id", "example.edu", "why", "hash", "4bf92f35") if said in text]


def files(folder: Path, worker: int, log: StringIO | None = None) -> MetricFiles:
    metrics = Metrics(worker)
    metrics.show("bookgate_tasks", lambda: worker)
    metrics.show("bookgate_redis_proved", lambda: True)
    return MetricFiles(metrics, folder, make_log(log or StringIO()))


async def test_whoever_is_asked_tells_of_all_who_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    one, other = files(folder, os.getpid()), files(folder, os.getppid())
    await one.text()
    text = await other.text()
    for pid in (os.getpid(), os.getppid()):
        assert f'bookgate_tasks{{worker="{pid}"}} {pid}\n' in text
        assert f'bookgate_redis_proved{{worker="{pid}"}} 1\n' in text


async def test_of_who_is_gone_nothing_is_left(tmp_path: Path) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    await files(tmp_path, gone.pid).text()
    await files(tmp_path, os.getppid()).text()
    os.utime(tmp_path / str(os.getppid()), (1, STALE))
    (tmp_path / "1").write_bytes(b"nobody of ours")
    text = await files(tmp_path, os.getpid()).text()
    assert text.count("bookgate_tasks{") == 1
    assert set(os.listdir(tmp_path)) == {"1", str(os.getpid())}  # ruff: ignore[os-listdir]  a list at once


async def test_it_is_told_until_the_end_and_no_longer(tmp_path: Path) -> None:
    own = tmp_path / str(os.getpid())
    running = asyncio.create_task(files(tmp_path, os.getpid()).run())
    await until(own.exists)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not own.exists()


async def test_where_there_is_no_telling_the_own_numbers_are_told(tmp_path: Path) -> None:
    log = StringIO()
    (tmp_path / "a file").touch()
    metrics = files(tmp_path / "a file", os.getpid(), log)
    for _ in range(2):
        assert f'bookgate_tasks{{worker="{os.getpid()}"}}' in await metrics.text()
    assert log.getvalue().count('"event":"metrics"') == 1


def test_every_field_and_metric_has_its_line_for_operators() -> None:
    page = (Path(__file__).parent.parent / "docs/ops/logs-and-metrics.md").read_text("utf-8")
    names = {
        cell.strip()
        for line in page.splitlines()
        if line.startswith("| `")
        for cell in line.split("|")[1].split(",")
    }
    assert {f"`{name}`" for name in (*HELP, *Ended.__struct_fields__)} <= names
