"""The people at the cloud: a lead who decides reviews and opens orders, a designer who corrects.

They decide by what the screen shows them: numbers, limits, findings. What a piece is really like
they do not know either.
"""

import time
from typing import Any

from tests.simulators.doors import Cloud, Json, RestError
from tests.simulators.ledger import Ledger

BETTER_PITCH_MM = 2.5


class Office:
    """Decides what waits for a person."""

    def __init__(self, lead: Cloud, designer: Cloud, ledger: Ledger) -> None:
        self.lead = lead
        self.designer = designer
        self._ledger = ledger
        self._seen_s: dict[tuple[str, str, int], float] = {}

    async def decide(self, order: Json, after_s: float = 0.0) -> bool:
        """Look after every piece that waits for a word since `after_s`; whether there was one."""
        acted = False
        now_s = time.monotonic()
        waiting = {
            (line["piece_id"], line["state"], line["attempt"]): line
            for line in order["pieces"]
            if line["state"] in {"REVIEW", "REWORK", "QUARANTINE", "ESCALATED"}
        }
        self._seen_s = {key: self._seen_s.get(key, now_s) for key in waiting}
        for key, line in waiting.items():
            if now_s - self._seen_s[key] < after_s:
                continue
            piece = await self.lead.get(f"/pieces/{line['piece_id']}")
            act = {
                "REVIEW": self._review,
                "REWORK": self._rework,
                "QUARANTINE": self._quarantine,
                "ESCALATED": self._escalation,
            }.get(piece["state"])
            if act is None:
                continue
            try:
                await act(order, piece)
                acted = True
            except RestError as error:
                self._ledger.note("refused_in_office", piece_id=piece["piece_id"], why=str(error))
        return acted

    async def _review(self, _order: Json, piece: Json) -> None:
        inspection = latest_inspection(piece)
        if inspection is None:
            return
        well = looks_well(inspection)
        verdict = "PASS" if well else "FAIL"
        reason = "수치가 허용 안에 있습니다" if well else "허용 안이라고 볼 수 없습니다"
        body = {"verdict": verdict, "reason": reason}
        path = f"/inspections/{inspection['inspection_id']}/corrections"
        try:
            await self.lead.post(path, body)
        except RestError as error:
            if error.status != 403:
                raise
            await self.designer.post(path, body)
        self._ledger.note(
            "review", piece_id=piece["piece_id"], stage=inspection["stage"], decided=verdict
        )

    async def _rework(self, order: Json, piece: Json) -> None:
        inspection = latest_inspection(piece) or {}
        stage = piece["open_stage"]
        stitches_failed = any(s["outcome"] == "FAIL" for s in inspection.get("stitches", ()))
        version, origin = "", "CUT"
        if stage == "QC" and stitches_failed:
            origin = "SEW"
            version = await self.corrected_version(order, piece, inspection)
        step_id = next(s["step_id"] for s in order["steps"] if s["stage"] == origin)
        reason = "스티치가 고르지 않음" if origin == "SEW" else "재단 불량"
        outcome = await self.designer.post(
            f"/pieces/{piece['piece_id']}/rework",
            {
                "step_id": step_id,
                "reason": reason,
                "inspection_id": inspection.get("inspection_id", ""),
                "spec_version": version,
            },
        )
        self._ledger.note(
            "rework",
            piece_id=piece["piece_id"],
            stage=origin,
            spec_version=outcome["spec_version"],
            escalated=outcome["escalated"],
        )

    async def corrected_version(self, order: Json, piece: Json, inspection: Json) -> str:
        """The spec version with the better pitch; the designer makes it once an order."""
        for spec in reversed(order["specs"]):
            if hem_pitch_mm(spec) == BETTER_PITCH_MM:
                return str(spec["spec_version"])
        made = await self.designer.post(
            f"/specs/{piece['spec_version']}/corrections",
            {
                "changes": [
                    {
                        "stage": "QC",
                        "kind": "stitch",
                        "name": "hem",
                        "field": "pitch_mm",
                        "value": BETTER_PITCH_MM,
                    }
                ],
                "reason": "3.0 mm에서는 고르지 않아 2.5 mm로 줄입니다",
                "inspection_id": inspection.get("inspection_id", ""),
            },
        )
        self._ledger.note("design_corrected", spec_version=made["spec_version"])
        return str(made["spec_version"])

    async def _quarantine(self, order: Json, piece: Json) -> None:
        await self._decide(piece, "REWORK", order["steps"][0]["step_id"])

    async def _escalation(self, _order: Json, piece: Json) -> None:
        await self._decide(piece, "SCRAP", "")

    async def _decide(self, piece: Json, decision: str, step_id: str) -> None:
        await self.lead.post(
            f"/pieces/{piece['piece_id']}/decision",
            {"decision": decision, "reason": "팀장 확인", "step_id": step_id},
        )
        self._ledger.note("decision", piece_id=piece["piece_id"], decided=decision)

    async def next_order(self, order: Json, pieces_count: int) -> str:
        """Open another work order like `order`, by its first spec."""
        page = await self.lead.get("/work-orders", limit=200)
        taken = {item["number"] for item in page["items"]}
        counter = len(taken) + 1
        while f"WO-DEMO-{counter:03d}" in taken:
            counter += 1
        first = min(order["specs"], key=lambda spec: spec["version_number"])
        made = await self.lead.post(
            "/work-orders",
            {
                "number": f"WO-DEMO-{counter:03d}",
                "title_ko": order["title_ko"],
                "title_en": order["title_en"],
                "style": order["style"],
                "rework_limit": order["rework_limit"],
                "spec": {"stages": first["stages"]},
                "steps": [
                    {key: step[key] for key in ("stage", "requires_quality_check")}
                    for step in order["steps"]
                ],
                "pieces": [{"number": n, "size": "M"} for n in range(1, pieces_count + 1)],
            },
        )
        self._ledger.note("work_order", number=made["number"])
        return str(made["work_order_id"])


def latest_inspection(piece: Json) -> Json | None:
    """The newest inspection of a piece."""
    found: list[Any] = sorted(piece["inspections"], key=lambda one: one["inspected_at"])
    return found[-1] if found else None


def looks_well(inspection: Json) -> bool:
    """Whether a careful person would let a doubtful piece pass: every number within its limits.

    A number that is missing, and a place that nobody graded, are no reason to let it pass.
    """
    lengths = [(row["value_mm"], row) for row in inspection["measurements"]]
    pitches = [(row["pitch_mm"], row) for row in inspection["stitches"]]
    within = all(
        value is not None and row["lower_mm"] <= value - row["nominal_mm"] <= row["upper_mm"]
        for value, row in lengths + pitches
    )
    return within and all(found["severity"] == "minor" for found in inspection["findings"])


def hem_pitch_mm(spec: Json) -> float | None:
    """What a spec asks of the hem."""
    for stage in spec["stages"]:
        for seam in stage["stitches"]:
            if seam["seam"] == "hem":
                return float(seam["pitch_mm"])
    return None
