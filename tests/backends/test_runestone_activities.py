"""What an unmodified book saves by itself comes back in another browser, whatever kind of activity it is."""

import json
import uuid

import pytest

from tests.backends.book_calls import event, restored, results
from tests.backends.services import Running

DROPS = json.dumps({"drop1": ["a"], "drop2": []})
LINES = [{"from": "a", "to": "b"}]
# What each component sends, under which event it asks for it, and what it then reads.
ACTIVITIES = [
    pytest.param(
        {"event": "mChoice", "act": "answer:0,2:correct", "answer": "0,2", "correct": True, "percent": 1},
        "mChoice",
        {"answer": "0,2", "correct": True, "percent": 1},
        id="multiple choice",
    ),
    pytest.param(
        {"event": "mChoice", "act": "answer:1:no", "answer": "1", "correct": "F", "percent": 0},
        "mChoice",
        {"answer": "1", "correct": False, "percent": 0},
        id="a wrong answer is no text, which pages take for true",
    ),
    pytest.param(
        {"event": "mChoice", "act": "answer::no", "answer": "", "correct": "F"},
        "mChoice",
        {"answer": "", "correct": False},
        id="nothing chosen",
    ),
    pytest.param(
        {"event": "fillb", "act": '["4"]', "answer": '["4"]', "correct": "T", "percent": 1, "seed": 77},
        "fillb",
        {"answer": '["4"]', "correct": True, "percent": 1, "seed": 77},
        id="fill in the blank, with the seed of its numbers",
    ),
    pytest.param(
        {
            "event": "dragNdrop",
            "act": DROPS,
            "answer": DROPS,
            "min_height": 106,
            "drag_width": 200,
            "drop_width": 300,
            "correct": False,
            "correctNum": 1,
            "dragNum": 2,
            "percent": 0.5,
        },
        "dragNdrop",
        {
            "answer": DROPS,
            "correct": False,
            "percent": 0.5,
            "min_height": 106,
            "drag_width": 200,
            "drop_width": 300,
        },
        id="drag and drop",
    ),
    pytest.param(
        {"event": "clickableArea", "act": "0;3", "answer": "0;3", "correct": "T"},
        "clickableArea",
        {"answer": "0;3", "correct": True},
        id="clickable area",
    ),
    pytest.param(
        {
            "event": "parsons",
            "act": "incorrect|2_0|0_0-1_0|d1",
            "answer": "0_0-1_0",
            "source": "2_0",
            "adaptive": "d1",
            "correct": "F",
            "percent": 0.9333333333333333,
        },
        "parsons",
        {
            "answer": "0_0-1_0",
            "source": "2_0",
            "adaptive": "d1",
            "correct": False,
            "percent": 0.9333333333333333,
        },
        id="parsons",
    ),
    pytest.param(
        {"event": "parsons", "answer": "0_0", "trash": "1_0", "correct": "T"},
        "parsons",
        {"answer": "0_0", "trash": "1_0", "correct": True},
        id="parsons of an earlier edition",
    ),
    pytest.param(
        {"event": "hparsonsAnswer", "answer": '{"blocks": ["0", "2"]}', "percent": 1, "correct": "T"},
        "hparsonsAnswer",
        {"answer": {"blocks": ["0", "2"]}, "percent": 1, "correct": True},
        id="horizontal parsons",
    ),
    pytest.param(
        {"event": "shortanswer", "act": "Größe 字 🐢", "answer": "Größe 字 🐢"},
        "shortanswer",
        {"answer": "Größe 字 🐢"},
        id="short answer",
    ),
    pytest.param(
        {
            "event": "matching",
            "act": "score:100",
            "score": 100,
            "percent": 1,
            "correctCount": 1,
            "connections": LINES,
            "correct": True,
            "answer": json.dumps({"connections": LINES}),
        },
        "matching",
        {"answer": {"connections": LINES}, "correct": True, "percent": 1},
        id="matching reads what its JSON says",
    ),
    pytest.param(
        {"event": "webwork", "answer": '{"answers": {"AnSwEr0001": "x"}}', "correct": False, "percent": 0},
        "webwork",
        {"answer": {"answers": {"AnSwEr0001": "x"}}, "correct": False, "percent": 0},
        id="webwork",
    ),
    pytest.param(
        {"event": "SPLICE.reportScoreAndState", "percent": 1, "correct": True, "answer": '{"s":[1]}'},
        "SPLICE.getState",
        {"answer": {"s": [1]}, "correct": True, "percent": 1},
        id="a SPLICE frame asks under another name",
    ),
    pytest.param(
        {"event": "lp_build", "answer": '["int x;"]', "path": "chap/lp.html"},
        "lp_build",
        {"answer": '["int x;"]'},
        id="literate programming",
    ),
    pytest.param(
        {"event": "codelens", "act": "answer", "answer": "3", "correct": True, "percent": 1},
        "codelens",
        {"answer": "3", "correct": True, "percent": 1},
        id="codelens",
    ),
    pytest.param(
        {"event": "khanex", "act": "answer:correct", "answer": '"100011"', "correct": "T"},
        "khanex",
        {"answer": '"100011"', "correct": True},
        id="khan exercise",
    ),
    pytest.param(
        {"event": "selectquestion", "act": "interaction", "answer": "1", "correct": "T", "selector_id": "s"},
        "selectquestion",
        {"answer": "1", "correct": True},
        id="select question",
    ),
    pytest.param(
        {"event": "unittest", "act": "percent:100:passed:2:failed:0"}, "unittest", {}, id="unit tests"
    ),
    pytest.param(
        {"event": "timedExam", "act": "finish", "correct": 3, "incorrect": 1, "skipped": 0, "time_taken": 95},
        "timedExam",
        {"correct": 3, "incorrect": 1, "skipped": 0, "time_taken": 95},
        id="timed exam",
    ),
]


@pytest.mark.parametrize(("sent", "asked", "read"), ACTIVITIES)
async def test_an_answer_comes_back(
    store: Running, sent: dict[str, object], asked: str, read: dict[str, object]
) -> None:
    sub = str(uuid.uuid4())
    here, elsewhere = store.reader(sub=sub), store.reader(sub=sub)
    assert await results(here, asked, "ex-1") == "no data"
    answer = await event(here, **sent, div_id="ex-1")
    assert (answer.status, answer.json) == (201, {"detail": None})
    assert await restored(elsewhere, asked, "ex-1") == read
    assert await results(store.reader(sub=str(uuid.uuid4())), asked, "ex-1") == "no data"
