"""One worker, one piece, one station: the shortest way through the whole factory."""

import numpy as np
import pytest

from tests.journeys.factory import Factory
from tests.simulators.scenes import Request, draw, encode_frame


@pytest.mark.requirement("TRK", "CAP", "SCN", "VER", "SYN", "KSK")
async def test_a_piece_scanned_at_the_cutting_table_is_cut_and_judged_for_all_to_see(
    factory: Factory,
) -> None:
    lead = await factory.sign_in("lead@demo.example")
    kiosk = await factory.kiosk("CUT-01")
    table = await factory.table("CUT-01")
    order_id = (await lead.get("/work-orders"))["items"][0]["work_order_id"]
    labels = await lead.get(f"/work-orders/{order_id}/labels")
    label = labels["pieces"][0]["text"]
    badge = next(
        text
        for text, lines in ((one["text"], one["lines"]) for one in labels["badges"])
        if "김작업" in lines
    )
    picture, _ = draw(Request(kind="cut", label_text=label), np.random.default_rng(1))
    table.put(encode_frame(picture))
    async with lead.live() as live:
        factory.scanner("CUT-01").read(badge)
        await kiosk.until(lambda s: s["worker"] is not None)
        factory.scanner("CUT-01").read(label)
        guide = await kiosk.until(lambda s: s["phase"] == "guide")
        assert guide["step"]["stage"] == "CUT"
        await kiosk.act("start")
        await live.event("step_started", piece_id=guide["piece"]["id"])
        await kiosk.act("finish")
        shown = await kiosk.until(lambda s: s["phase"] == "verdict")
        finished = await live.event("step_finished", piece_id=guide["piece"]["id"])
    assert finished["verdict"] == shown["verdict"]["verdict"]
