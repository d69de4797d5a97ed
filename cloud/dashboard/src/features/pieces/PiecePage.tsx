import { Tabs, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { pieceQuery } from "@/api/queries";
import type { Inspection, Piece } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Trouble } from "@/app/Trouble";
import { History } from "@/features/pieces/History";
import { InspectionPanel } from "@/features/pieces/InspectionPanel";
import classes from "@/features/pieces/PiecePage.module.css";
import { PieceDecisions } from "@/features/pieces/PieceDecisions";
import { Reworks } from "@/features/pieces/Reworks";
import { StatusMark } from "@/status/StatusMark";
import { cellCode, statusOf } from "@/status/status";
import { SignDrawing } from "@/status/StatusMark";

function Steps({ piece }: { piece: Piece }) {
  const { t, say, name } = useSpoken();
  return (
    <ol className={classes.steps}>
      {piece.steps.map((step) => {
        const cell = piece.cells.find((one) => one.step_id === step.step_id);
        const code = cell ? cellCode(cell, piece.open_step_id === step.step_id, piece.state) : "WAITING";
        const { tone, sign } = statusOf(code);
        return (
          <li key={step.step_id} data-tone={tone} data-open={piece.open_step_id === step.step_id || undefined}>
            <SignDrawing sign={sign} size={20} />
            <span>
              <b>{say(step.title_ko, step.title_en) || name("stage", step.stage)}</b>
              <small>{name("state", code)}{cell && cell.attempt > 1 ? ` · ${t("piece.attempt", { count: cell.attempt })}` : ""}</small>
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Inspections({ piece, chosen }: { piece: Piece; chosen: Inspection | undefined }) {
  const { t, name } = useSpoken();
  const navigate = useNavigate();
  if (!chosen) {
    return (
      <section className={`${classes.none ?? ""} k-panel`}>
        <Text fw={700} fz="lg">{t("inspection.none")}</Text>
        <Text c="dimmed">{t("inspection.none_text")}</Text>
      </section>
    );
  }
  const show = (inspection: string | null): void => {
    if (inspection) void navigate({ to: "/pieces/$pieceId", params: { pieceId: piece.piece_id }, search: { inspection }, replace: true, resetScroll: false });
  };
  return (
    <section className={`${classes.panel ?? ""} k-panel`}>
      {piece.inspections.length > 1 ? (
        <Tabs value={chosen.inspection_id} onChange={show} mb="md">
          <Tabs.List>
            {piece.inspections.map((one) => (
              <Tabs.Tab key={one.inspection_id} value={one.inspection_id} rightSection={<StatusMark code={one.final_verdict} size="sm" />}>
                {name("stage", one.stage)} {t("piece.attempt", { count: one.attempt })}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </Tabs>
      ) : null}
      <InspectionPanel key={chosen.inspection_id} inspection={chosen} piece={piece} />
    </section>
  );
}

export function PiecePage() {
  const { t, say } = useSpoken();
  const { pieceId } = useParams({ from: "/inside/pieces/$pieceId" });
  const { inspection } = useSearch({ from: "/inside/pieces/$pieceId" });
  const query = useQuery(pieceQuery(pieceId));
  if (query.isPending) return <Loading />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  const piece = query.data;
  const chosen = piece.inspections.find((one) => one.inspection_id === inspection) ?? piece.inspections.at(-1);
  return (
    <>
      <header className={classes.head}>
        <div>
          <Text fz="sm">
            <Link to="/work-orders/$workOrderId" params={{ workOrderId: piece.work_order_id }} className="k-link">
              {piece.work_order_number} {say(piece.title_ko, piece.title_en)}
            </Link>{" "}
            <span className="k-eyebrow">· {piece.style} · {t("work_order.size")} {piece.size} · {t("piece.spec", { version: piece.spec.version_number })}</span>
          </Text>
          <Title order={1}>{t("piece.title", { number: piece.number })}</Title>
        </div>
        <StatusMark code={piece.state} size="xl" />
      </header>
      {piece.instruction_ko || piece.instruction_en ? (
        <p className={classes.instruction} data-tone="rework"><SignDrawing sign="turn" size={22} />{say(piece.instruction_ko, piece.instruction_en)}</p>
      ) : null}
      <Steps piece={piece} />
      <PieceDecisions piece={piece} />
      <div className={classes.columns}>
        <Inspections piece={piece} chosen={chosen} />
        <div className={classes.side}>
          <History piece={piece} chosen={chosen?.inspection_id} />
          <Reworks piece={piece} />
        </div>
      </div>
    </>
  );
}
