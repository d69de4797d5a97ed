"""Production's REST routes in process, over a real PostgreSQL."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from cloud.commands.command import Source
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres import station_store
from cloud.infrastructure.spreadsheet_reader import OpenpyxlReader
from cloud.interfaces.rest_api import floor, inspections, labels, pieces, work_orders
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.organizations.person import Membership
from cloud.stations import handlers as stations
from cloud.stations.queries import ListStations
from tests.fakes.core import DEMO, OTHER
from tests.fakes.production import STORES, Factory, factory_over, measured, stitched


class Keys:
    """Two people with a key each."""

    async def key(self, secret: str) -> Membership | None:
        return {
            "lead": Membership(organization_id=DEMO, login="lead@demo.example"),
            "stranger": Membership(organization_id=OTHER, login="worker@other.example"),
        }.get(secret)

    async def session(self, secret: str) -> None:
        return None

    async def link(self, secret: str) -> None:
        return None


@dataclass
class Door:
    factory: Factory
    client: httpx.AsyncClient

    async def get(self, path: str, key: str = "lead", **headers: str) -> httpx.Response:
        return await self.client.get(f"/api/v1{path}", headers={"X-API-Key": key, **headers})

    async def post(self, path: str, body: Any, key: str = "lead", **more: Any) -> httpx.Response:
        headers = {"X-API-Key": key, **more.pop("headers", {})}
        return await self.client.post(f"/api/v1{path}", json=body, headers=headers, **more)

    async def upload(self, content: bytes, language: str = "ko") -> httpx.Response:
        return await self.client.post(
            "/api/v1/work-orders/import",
            files={"file": ("order.xlsx", content)},
            headers={"X-API-Key": "lead", "Accept-Language": language},
        )


@pytest.fixture
async def door(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Door]:
    STORES.update(station_store.STORES)
    async with factory_over(database) as factory:
        factory.core.bus.register_query(ListStations, stations.QUERIES[ListStations])
        bus = factory.core.bus
        app = build_app(
            RestParts(
                routers=[
                    room.router(bus) for room in (work_orders, labels, pieces, inspections, floor)
                ],
                doorkeeper=Doorkeeper(Keys()),
                ids=factory.core.ids,
                readiness={},
                dashboard=tmp_path,
            )
        )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Door(factory, client)


pytestmark = pytest.mark.requirement("API")


def wished(**changes: Any) -> dict[str, Any]:
    return {
        "number": "WO-2",
        "title_ko": "치마",
        "title_en": "Skirt",
        "style": "skirt",
        "due_at": "2027-06-30T18:00:00+09:00",
        "steps": [{"stage": "CUT", "requires_quality_check": True}, {"stage": "SEW"}],
        "pieces": [{"number": 1, "size": "M"}],
        "spec": {
            "stages": [
                {
                    "stage": "CUT",
                    "checks": ["defects"],
                    "defects": {"minor_below_mm2": 4, "major_from_mm2": 9},
                }
            ]
        },
        **changes,
    }


@pytest.mark.requirement("WOR")
async def test_a_work_order_is_made_listed_and_shown(door: Door) -> None:
    made = await door.post("/work-orders", wished())
    assert made.status_code == 201, made.text
    listed = (await door.get("/work-orders?limit=1")).json()
    assert [item["number"] for item in listed["items"]] == ["WO-2"]
    rest = (await door.get(f"/work-orders?cursor={listed['next_cursor']}")).json()
    assert [item["number"] for item in rest["items"]] == ["WO-1"]
    one = (await door.get(f"/work-orders/{made.json()['work_order_id']}")).json()
    assert one["steps"][0]["title_ko"] == "재단"
    assert one["pieces"][0]["cells"][0]["state"] == "OPEN"
    assert one["sequence"] == 2


@pytest.mark.requirement("WOR")
async def test_a_refusal_names_the_field_in_the_askers_language(door: Door) -> None:
    wrong = wished(pieces=[{"number": "zwei", "size": "M"}])
    refused = await door.post("/work-orders", wrong)
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "PAYLOAD_INVALID"
    assert error["details"]["problems"][0]["field"] == "body.pieces.0.number"
    seam = {
        "seam": "hem", "title_ko": "밑단", "title_en": "Hem", "side": "bottom", "inset_mm": 12,
        "pitch_mm": 3, "lower_mm": -0.3, "max_cv_ratio": 0.1, "max_skipped_count": 0,
        "severity": "major",
    }  # fmt: skip
    spec = {"stages": [{"stage": "CUT", "checks": ["stitches"], "stitches": [seam]}]}
    refused = await door.post("/work-orders", wished(spec=spec), headers={"Accept-Language": "en"})
    error = refused.json()["error"]
    assert (error["code"], error["details"]["field"]) == (
        "TOLERANCE_MISSING",
        "spec.stages[CUT].stitches[hem].upper_mm",
    )
    assert error["message"].isascii()


async def test_the_same_idempotency_key_makes_one_work_order(door: Door) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [await door.post("/work-orders", wished(), headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    taken = await door.post("/work-orders", wished())
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "WORK_ORDER_NUMBER_TAKEN")


@pytest.mark.requirement("WOR")
async def test_the_template_comes_down_and_goes_up(door: Door) -> None:
    template = await door.get("/work-orders/template.xlsx")
    made = await door.upload(template.content)
    assert made.status_code == 201, made.text
    assert len(made.json()["piece_ids"]) == 2


@pytest.mark.requirement("WOR")
@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("ko", "시트 ‘치수’ 2행 ‘기준 nominal_mm’: ‘오백’은(는) 숫자가 아닙니다."),
        ("en", "Sheet “치수”, row 2, “기준 nominal_mm”: “오백” is not a number."),
    ],
)
async def test_a_wrong_spreadsheet_makes_nothing_and_says_where(
    door: Door, language: str, sentence: str
) -> None:
    book = load_workbook(io.BytesIO(OpenpyxlReader().template()))
    book["치수"]["H2"] = "오백"
    target = io.BytesIO()
    book.save(target)
    refused = await door.upload(target.getvalue(), language)
    assert refused.status_code == 422
    problem = refused.json()["error"]["details"]["problems"][0]
    assert (problem["sheet"], problem["row"], problem["message"]) == ("치수", 2, sentence)
    assert len((await door.get("/work-orders")).json()["items"]) == 1


@pytest.mark.requirement("RWK", "FBK")
async def test_a_failure_is_corrected_and_reworked_over_rest(door: Door) -> None:
    factory = door.factory
    await factory.inspected(0, 0, "PASS")
    await factory.finish(0, 1)
    record = factory.inspection(
        0, 2, "FAIL", stitches=(stitched(),), measurements=(measured("REVIEW"),)
    )
    await factory.send(record, Source.STATION)
    await factory.finish(0, 2, inspection_id=record.inspection_id, verdict="FAIL")
    shown = (await door.get(f"/inspections/{record.inspection_id}")).json()
    assert shown["stitches"][0]["pitch_mm"] == 3.4
    assert shown["anomaly_map"] == {"width": 3, "height": 2, "base64": "AAECAwQF"}
    said = await door.post(
        f"/inspections/{record.inspection_id}/corrections",
        {"verdict": "FAIL", "reason": "불균일", "changes": []},
    )
    assert said.json()["corrections"][0]["by"] == "lead@demo.example"
    corrected = await door.post(
        f"/specs/{factory.order.spec_version}/corrections",
        {
            "changes": [
                {"stage": "QC", "kind": "stitch", "name": "hem", "field": "pitch_mm", "value": 2.5}
            ],
            "reason": "고르지 않음",
            "inspection_id": record.inspection_id,
        },
    )
    assert corrected.status_code == 201, corrected.text
    piece = factory.order.piece_ids[0]
    ordered = await door.post(
        f"/pieces/{piece}/rework",
        {
            "step_id": factory.order.step_ids[1],
            "reason": "스티치 불균일",
            "spec_version": corrected.json()["spec_version"],
        },
    )
    assert ordered.json()["instruction_ko"] == "스티치 재작업 필요 (2.5 mm 간격)"
    view = (await door.get(f"/pieces/{piece}")).json()
    assert (view["open_stage"], view["attempt"]) == ("SEW", 2)
    assert view["reworks"][0]["gaps"][0]["physical_mm"] == 3.4
    assert [line["kind"] for line in view["history"]].count("rework") == 1


@pytest.mark.requirement("TRK")
async def test_overrides_and_decisions_go_through_the_bus(door: Door) -> None:
    piece = door.factory.order.piece_ids[0]
    step = door.factory.order.step_ids[1]
    passed = await door.post(f"/pieces/{piece}/overrides", {"step_id": step, "reason": "기록 누락"})
    assert passed.json()["open_stage"] == "SEW"
    refused = await door.post(f"/pieces/{piece}/decision", {"decision": "SCRAP", "reason": "r"})
    assert refused.json()["error"]["code"] == "DECISION_NOT_POSSIBLE"


@pytest.mark.requirement("LBL")
async def test_labels_come_as_pdf_and_zpl(door: Door) -> None:
    order = door.factory.order.work_order_id
    pdf = await door.get(f"/work-orders/{order}/labels.pdf?stations=true")
    assert pdf.headers["content-type"] == "application/pdf"
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages)
    for line in ("WO-1 #1", "1. 재단", "CUT-01", "lead@demo.example"):
        assert line in text.replace("  ", " ")
    roll = await door.get(f"/work-orders/{order}/labels.pdf?layout=roll")
    assert len(PdfReader(io.BytesIO(roll.content)).pages) == 1 + 2 + 3
    zpl = await door.get(f"/work-orders/{order}/labels.zpl")
    assert zpl.text.count("^XA") == 6
    shown = (await door.get(f"/work-orders/{order}/labels")).json()
    assert shown["pieces"][0]["text"].startswith("KY1:P:01K0DEM0000000000000000000:")


@pytest.mark.requirement("TRK")
async def test_the_floor_shows_stations_with_the_piece_in_work(door: Door) -> None:
    await door.factory.start(0, 0)
    view = (await door.get("/floor")).json()
    cut, qc = view["stations"]
    assert (cut["name"], cut["current_piece"]["number"]) == ("CUT-01", 1)
    assert qc["current_piece"] is None
    assert view["counts"]["started_count"] == 1
    times = (await door.get("/production-times")).json()
    assert times["stages"][0]["stage"] == "CUT"


@pytest.mark.requirement("WOR")
async def test_stages_come_with_guides_and_pictures(door: Door) -> None:
    stages = (await door.get("/stages")).json()
    assert [stage["code"] for stage in stages][2:4] == ["CUT", "SEW"]
    picture = await door.get(f"/guide-pictures/{stages[2]['guide'][0]['picture']}")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert (await door.get("/guide-pictures/..%2Fstages.yml")).status_code == 404


async def test_nobody_reads_without_a_key_and_strangers_find_nothing(door: Door) -> None:
    order, piece = door.factory.order.work_order_id, door.factory.order.piece_ids[0]
    paths = (f"/work-orders/{order}", f"/pieces/{piece}", f"/work-orders/{order}/labels.pdf")
    for path in paths:
        assert (await door.client.get(f"/api/v1{path}")).status_code == 401
        assert (await door.get(path, key="stranger")).status_code == 404
    assert (await door.get("/pieces/1")).status_code == 422
