import { Button, Group, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { workOrdersQuery } from "@/api/queries";
import type { WorkOrderSummary } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Trouble } from "@/app/Trouble";
import { Due } from "@/features/work_orders/Due";
import { ImportDialog } from "@/features/work_orders/ImportDialog";
import { ProgressBar } from "@/features/work_orders/ProgressBar";
import classes from "@/features/work_orders/WorkOrdersPage.module.css";
import { StatusMark } from "@/status/StatusMark";

function Row({ order }: { order: WorkOrderSummary }) {
  const { t, say } = useSpoken();
  const isDone = order.done_count === order.pieces_count;
  return (
    <Link to="/work-orders/$workOrderId" params={{ workOrderId: order.work_order_id }} className={`${classes.row ?? ""} k-panel`}>
      <div className={classes.name}>
        <span className="k-eyebrow">{order.number} · {order.style}</span>
        <b>{say(order.title_ko, order.title_en)}</b>
      </div>
      <div className={classes.progress}>
        <span><b>{order.done_count}</b> / {t("work_order.pieces", { count: order.pieces_count })}</span>
        <ProgressBar done={order.done_count} all={order.pieces_count} />
      </div>
      <div className={classes.waiting}>
        {isDone ? <StatusMark code="DONE" /> : order.waiting_count > 0 ? (
          <StatusMark code="REVIEW" label={t("work_order.waiting", { count: order.waiting_count })} />
        ) : null}
      </div>
      <Due at={order.due_at} isDone={isDone} />
    </Link>
  );
}

export function WorkOrdersPage() {
  const { t } = useSpoken();
  const [importing, setImporting] = useState(false);
  const orders = useInfiniteQuery(workOrdersQuery);
  const items = orders.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Group justify="space-between" mb="md">
        <Title order={1}>{t("work_orders.title")}</Title>
        <Group gap="sm">
          <Button variant="default" onClick={() => { setImporting(true); }}>{t("work_orders.import")}</Button>
          <Button component={Link} to="/work-orders/new">{t("work_orders.create")}</Button>
        </Group>
      </Group>
      {orders.isPending ? <Loading /> : null}
      {orders.isError ? <Trouble error={orders.error} retry={() => void orders.refetch()} /> : null}
      {orders.isSuccess && items.length === 0 ? (
        <div className={`${classes.empty ?? ""} k-panel`}>
          <Text fw={700} fz="lg">{t("work_orders.none")}</Text>
          <Text c="dimmed">{t("work_orders.none_text")}</Text>
        </div>
      ) : null}
      <div className={classes.list}>
        {items.map((order) => <Row key={order.work_order_id} order={order} />)}
      </div>
      {orders.hasNextPage ? (
        <Button mt="md" variant="light" loading={orders.isFetchingNextPage} onClick={() => void orders.fetchNextPage()}>
          {t("work_orders.more")}
        </Button>
      ) : null}
      <ImportDialog opened={importing} close={() => { setImporting(false); }} />
    </>
  );
}
