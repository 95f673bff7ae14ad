"""Two devices of one reader, offline and online in whatever order, against the books that a reader keeps.

Nothing that either ever wrote is lost, and once both are online and done they show the same.
"""

import json
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.backends.services import Reader, Running
from tests.backends.test_storage_sync import Said, ask

KINDS = {"a": "answer", "p": "program", "n": "notebook", "g": "progress"}


@dataclass
class Copy:
    """An item as a device has it, and the revision from which that began; 0: none."""

    body: str | None = None
    revision: int = 0


@dataclass
class Waiting:
    """A change that is not settled. `base`: what it was sent with; None: it was never sent."""

    mutation: str
    item: str
    body: str | None
    base: int | None = None

    def said(self) -> Said:
        words: Said = {"mutation_id": self.mutation, "id": self.item, "base_rev": self.base}
        if self.body is None:
            return words | {"op": "delete"}
        return words | {"body": self.body, "kind": KINDS[self.item[0]]}


@dataclass
class Device:
    """What a browser does: it changes its copies, keeps what waits, and syncs when it is online."""

    reader: Reader
    copies: dict[str, Copy] = field(default_factory=lambda: defaultdict(Copy))
    queue: list[Waiting] = field(default_factory=list)
    settled: list[Waiting] = field(default_factory=list)
    cursor: str | None = None

    def write(self, item: str, body: str | None) -> None:
        """None: it is deleted. Of what was never sent the last change alone waits."""
        copy = self.copies[item]
        if body is None and copy.body is None:
            return
        copy.body = body
        self.queue = [one for one in self.queue if one.item != item or one.base is not None]
        self.queue.append(Waiting(str(uuid.uuid4()), item, body))

    async def sync(self, limit: int, *, answer_lost: bool = False) -> bool:
        """Whether there is more to do. What was sent and not answered is sent again as it was."""
        sent = list({one.item: one for one in reversed(self.queue)}.values())  # the first of each item
        for one in sent:
            one.base = self.copies[one.item].revision if one.base is None else one.base
        changes = [one.said() for one in sent]
        answer = await ask(self.reader, cursor=self.cursor, limit=limit, changes=changes)
        assert answer.status == 200, answer.body
        if answer_lost:
            return True
        found: Any = answer.json
        self.queue = [one for one in self.queue if one not in sent]
        self.settled += sent
        for one, result in zip(sent, found["results"], strict=True):
            self._settle(one, result)
        waiting = {one.item for one in self.queue}
        if found["anew"]:
            self.copies.update({item: Copy() for item in self.copies if item not in waiting})
        for told in found["changes"]:
            if told["id"] not in waiting:
                there = "deleted" not in told
                self.copies[told["id"]] = Copy(told["body"], told["revision"]) if there else Copy()
        self.cursor = found["cursor"]
        return bool(found["more"] or self.queue)

    def _settle(self, one: Waiting, result: Said) -> None:
        """Of what does not stand the changes tell, now or on a later page: until then the base is the old."""
        assert result["mutation_id"] == one.mutation
        assert result["status"] in {"applied", "united", "conflict"}, result
        if result["status"] == "applied":
            self.copies[one.item].revision = result["revision"]

    def shows(self) -> dict[str, str]:
        return {item: copy.body for item, copy in self.copies.items() if copy.body is not None}


@dataclass(frozen=True)
class Step:
    device: int
    item: str
    act: str  # write, write, delete, sync, lost
    limit: int


STEPS = st.builds(
    Step,
    device=st.integers(0, 1),
    item=st.sampled_from(["a1", "p1", "p2", "n1", "g1"]),
    act=st.sampled_from(["write", "write", "write", "delete", "sync", "sync", "lost"]),
    limit=st.sampled_from([1, 2, 200]),
)


def words(device: Device, item: str, number: int) -> str:
    """What is written next: of progress, all that the device knows and one step more."""
    if item[0] != "g":
        return json.dumps(f"written in step {number}")
    return json.dumps({"done": [*members(device.copies[item].body), number]})


def members(body: str | None) -> list[int]:
    found: list[int] = [] if body is None else json.loads(body)["done"]
    return found


async def kept(reader: Reader, item: str) -> list[str]:
    """The body of every version."""
    answer = await reader.get(f"/v1/items/{item}/versions?limit=500")
    listed: Any = answer.json["versions"]
    bodies = [await reader.get(f"/v1/items/{item}/versions/{one['revision']}") for one in listed]
    return [one.body.decode() for one in bodies]


async def check_nothing_is_lost(devices: list[Device]) -> None:
    for one in (one for device in devices for one in device.settled if one.body is not None):
        bodies = await kept(devices[0].reader, one.item)
        if one.item[0] == "g":
            assert any(set(members(one.body)) <= set(members(body)) for body in bodies)
        else:
            assert one.body in bodies


# the second change waits for the first, whose answer was lost, while the other device changes the same
PAST = [(0, "write"), (0, "lost"), (0, "write"), (1, "sync"), (1, "write"), (1, "sync"), (0, "sync")]


@example([Step(device, "p1", act, 200) for device, act in PAST])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=4, max_size=30))
async def test_nothing_is_lost_and_both_show_the_same(store: Running, steps: list[Step]) -> None:
    reader = store.reader(sub=str(uuid.uuid4()))
    devices = [Device(reader), Device(reader)]
    for number, step in enumerate(steps):
        device = devices[step.device]
        match step.act:
            case "write":
                device.write(step.item, words(device, step.item, number))
            case "delete":
                device.write(step.item, None)
            case _:
                await device.sync(step.limit, answer_lost=step.act == "lost")
    for device in (*devices, *devices):  # what the first one had to say, the second one hears, and back
        for _ in range(50):
            if not await device.sync(200):
                break
        else:
            raise AssertionError("it never ends")
    assert devices[0].shows() == devices[1].shows()
    fresh = Device(reader)
    await fresh.sync(200)
    assert fresh.shows() == devices[0].shows()
    await check_nothing_is_lost(devices)
