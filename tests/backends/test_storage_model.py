"""The item API against a model that fits on a page: in whatever order, both say the same."""

import uuid
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backends.services import Answer, Reader, Running

BODIES = (b"one", b"two", b"three")
ITEMS = ("x", "y")


@dataclass
class ModelItem:
    """`etag` None: nothing is there. `sent` is every body that was ever taken or kept."""

    etag: str | None = None
    body: bytes = b""
    existed: bool = False
    known: bool = False
    tags: list[str] = field(default_factory=list)
    sent: set[bytes] = field(default_factory=set)


@dataclass(frozen=True)
class Step:
    method: str
    item: str
    body: bytes
    mode: str  # "", lww, append
    condition: str  # none, any, absent, current, stale

    def headers(self, model: ModelItem) -> dict[str, str]:
        current = model.etag or '"9-AAAAAAAAAAAAAAAA"'
        stale = model.tags[0] if model.tags else '"8-AAAAAAAAAAAAAAAA"'
        tags = {
            "none": {},
            "any": {"if_match": "*"},
            "absent": {"if_none_match": "*"},
            "current": {"if_match": current},
            "stale": {"if_match": stale},
        }
        return tags[self.condition]


STEPS = st.builds(
    Step,
    method=st.sampled_from(["PUT", "PUT", "PUT", "DELETE"]),
    item=st.sampled_from(ITEMS),
    body=st.sampled_from(BODIES),
    mode=st.sampled_from(["", "", "lww", "append"]),
    condition=st.sampled_from(["none", "any", "absent", "current", "current", "stale"]),
)


def fails(headers: dict[str, str], model: ModelItem) -> bool:
    match = headers.get("if_match")
    if match is not None:
        return model.etag is None or match not in {"*", model.etag}
    return "if_none_match" in headers and model.etag is not None


def expected_put(step: Step, headers: dict[str, str], model: ModelItem) -> int:
    if not headers and not step.mode:
        return 428
    if fails(headers, model):
        repeated = model.etag is not None and step.body == model.body and "if_match" in headers
        return 204 if repeated else 412
    return 204 if model.etag is not None else 201


def expected_delete(step: Step, headers: dict[str, str], model: ModelItem) -> int:
    if model.etag is None:
        return 410 if model.existed else 404
    if not headers and not step.mode:
        return 428
    return 412 if fails(headers, model) else 204


async def put(reader: Reader, step: Step, model: ModelItem) -> None:
    headers = step.headers(model)
    query = f"?mode={step.mode}" if step.mode else ""
    status = expected_put(step, headers, model)
    answer = await reader.put(f"/v1/items/{step.item}{query}", step.body, **headers)
    assert answer.status == status
    if status == 412:
        assert answer.json["etag"] == model.etag
        assert (answer.json["branch"] is None) == (model.etag is not None and step.body == model.body)
    if status in {201, 204}:
        if answer.etag != model.etag:
            model.tags.append(answer.etag)
        model.etag, model.body, model.existed = answer.etag, step.body, True
    if status != 428:
        model.sent.add(step.body)
        model.known = True


async def delete(reader: Reader, step: Step, model: ModelItem) -> None:
    headers = step.headers(model)
    query = "?mode=lww" if step.mode else ""
    status = expected_delete(step, headers, model)
    assert (await reader.delete(f"/v1/items/{step.item}{query}", **headers)).status == status
    if status == 204:
        model.etag = None


async def check(reader: Reader, item: str, model: ModelItem) -> None:
    answer: Answer = await reader.get(f"/v1/items/{item}")
    if model.etag is not None:
        assert (answer.status, answer.body, answer.etag) == (200, model.body, model.etag)
    else:
        assert answer.status == (410 if model.existed else 404)
    versions = await reader.get(f"/v1/items/{item}/versions")
    if not model.known:
        assert versions.status == 404
        return
    listed = versions.json["versions"]
    assert isinstance(listed, list)
    kept = {(await reader.get(f"/v1/items/{item}/versions/{one['revision']}")).body for one in listed}
    assert kept == model.sent  # nothing that anybody sent is lost
    assert len({one["etag"] for one in listed}) == len(listed)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=25))
async def test_agrees_with_the_model(store: Running, steps: list[Step]) -> None:
    reader = store.reader(sub=str(uuid.uuid4()))
    models = {item: ModelItem() for item in ITEMS}
    for step in steps:
        model = models[step.item]
        match step.method:
            case "PUT":
                await put(reader, step, model)
            case "DELETE":
                await delete(reader, step, model)
    for item, model in models.items():
        await check(reader, item, model)
    live = sorted(item for item, model in models.items() if model.etag is not None)
    items = (await reader.get("/v1/items")).json["items"]
    assert isinstance(items, list)
    assert [item["id"] for item in items] == live
