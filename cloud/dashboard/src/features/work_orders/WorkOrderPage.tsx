import { Button, Group, Menu, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense } from "react";

import { workOrderQuery } from "@/api/queries";
import type { WorkOrder } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Trouble } from "@/app/Trouble";
import { Due } from "@/features/work_orders/Due";
import { Matrix } from "@/features/work_orders/Matrix";
import { ProgressBar } from "@/features/work_orders/ProgressBar";
import { stageLoads } from "@/features/work_orders/stage_loads";
import classes from "@/features/work_orders/WorkOrderPage.module.css";
import { SpecSummary } from "@/features/work_orders/SpecSummary";

const StageChart = lazy(() => import("@/features/work_orders/StageChart"));

function Labels({ id }: { id: string }) {
  const { t } = useSpoken();
  const at = `/api/v1/work-orders/${encodeURIComponent(id)}/labels`;
  return (
    <Menu position="bottom-end">
      <Menu.Target><Button variant="default">{t("work_order.labels")}</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={`${at}.pdf`} target="_blank">{t("work_order.labels_pdf")}</Menu.Item>
        <Menu.Item component="a" href={`${at}.pdf?stations=true`} target="_blank">{t("work_order.labels_pdf_stations")}</Menu.Item>
        <Menu.Item component="a" href={`${at}.zpl`} download>{t("work_order.labels_zpl")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Summary({ order }: { order: WorkOrder }) {
  const { t, name } = useSpoken();
  const done = order.pieces.filter((piece) => piece.state === "DONE").length;
  const bottleneck = stageLoads(order).find((load) => load.isBottleneck);
  return (
    <section className={classes.summary}>
      <div className="k-panel">
        <span className="k-eyebrow">{t("work_order.progress")}</span>
        <b>{done}<small> / {t("work_order.pieces", { count: order.pieces.length })}</small></b>
        <ProgressBar done={done} all={order.pieces.length} />
      </div>
      <div className="k-panel"><Due at={order.due_at} isDone={done === order.pieces.length} /></div>
      <div className="k-panel">
        <span className="k-eyebrow">{t("work_order.bottleneck")}</span>
        <b>{bottleneck ? name("stage", bottleneck.stage) : "–"}</b>
        <small>{bottleneck ? t("work_order.queue", { count: bottleneck.queue }) : t("work_order.no_bottleneck")}</small>
      </div>
      <div className="k-panel">
        <span className="k-eyebrow">{t("work_order.spec")}</span>
        <b>v{order.specs.find((spec) => spec.spec_version === order.spec_version)?.version_number ?? 1}</b>
        <small>{t("work_order.rework_limit", { count: order.rework_limit })}</small>
      </div>
    </section>
  );
}

export function WorkOrderPage() {
  const { t, say } = useSpoken();
  const { workOrderId } = useParams({ from: "/inside/work-orders/$workOrderId" });
  const query = useQuery(workOrderQuery(workOrderId));
  if (query.isPending) return <Loading />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  const order = query.data;
  return (
    <>
      <Group justify="space-between" align="flex-end" mb="md">
        <div>
          <Text fz="sm"><Link to="/work-orders" className="k-link">{t("work_orders.title")}</Link> <span className="k-eyebrow">/ {order.number} · {order.style}</span></Text>
          <Title order={1}>{say(order.title_ko, order.title_en)}</Title>
        </div>
        <Labels id={order.work_order_id} />
      </Group>
      <Summary order={order} />
      <Matrix order={order} />
      <div className={classes.below}>
        <section className={`${classes.box ?? ""} k-panel`}>
          <Title order={2}>{t("work_order.times")}</Title>
          <Text c="dimmed" fz="sm">{t("work_order.times_text")}</Text>
          <Suspense fallback={<Loading rows={2} />}><StageChart order={order} /></Suspense>
        </section>
        <SpecSummary order={order} />
      </div>
    </>
  );
}
