import json
import os
import time

from backends.log import Output, json_log


def test_one_json_object_a_line() -> None:
    reading, writing = os.pipe()
    output = Output(writing)
    json_log(output).info("request", path='/a"\n')
    output.close()
    os.close(writing)
    with os.fdopen(reading) as lines:
        said = [json.loads(line) for line in lines]
    assert [(line["event"], line["path"], line["level"]) for line in said] == [("request", '/a"\n', "info")]


def test_nobody_waits_for_a_log_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    output = Output(writing, waiting=10)
    log = json_log(output)
    began = time.monotonic()
    for _ in range(1000):
        log.info("request", filler="x" * 1000)
    assert time.monotonic() - began < 3
    seen = b""
    while b"log_lines_dropped" not in seen:
        seen += os.read(reading, 65536)
    time.sleep(0.2)  # there is room again
    log.info("last")
    output.close()
    os.close(writing)
    with os.fdopen(reading) as rest:
        assert '"last"' in rest.read()


def test_a_reader_who_goes_away_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = Output(writing)
    json_log(output).info("request")
    output.close()
    os.close(writing)
