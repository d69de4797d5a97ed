import { Button, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { act } from "@/api/client";
import { deliveriesQuery, keys } from "@/api/queries";
import type { WebhookDelivery } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { NotAllowed, useRight, type Right } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/webhooks/WebhooksPage.module.css";

const TONES: Record<string, string> = { DELIVERED: "pass", FAILED: "fail", PENDING: "started" };

function Line({ delivery, right }: { delivery: WebhookDelivery; right: Right }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const client = useQueryClient();
  const resend = useMutation({
    mutationFn: () => act<WebhookDelivery>(`/webhooks/deliveries/${encodeURIComponent(delivery.delivery_id)}/resend`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: keys.deliveries(delivery.subscription_id) }),
  });
  return (
    <li className={classes.delivery}>
      <span className={classes.state} data-tone={TONES[delivery.state] ?? "idle"}>{name("delivery_state", delivery.state)}</span>
      <div>
        <b>{delivery.event_type}</b> <Text span c="dimmed" fz="sm">#{delivery.sequence} · {full(delivery.created_at)}</Text>
        {delivery.attempts.map((one) => (
          <small key={one.number}>
            {t("webhooks.attempt", { number: one.number })} · {full(one.at)} · {one.status > 0 ? `HTTP ${one.status}` : t("webhooks.no_answer")} · {Math.round(one.elapsed_ms)} ms{one.detail ? ` · ${one.detail}` : ""}
          </small>
        ))}
        {delivery.state === "PENDING" && delivery.next_at ? <small>{t("webhooks.next", { when: full(delivery.next_at) })}</small> : null}
        {resend.error ? <Refusal error={resend.error} /> : null}
      </div>
      <Button size="xs" variant="default" disabled={!right.allowed || delivery.state === "PENDING"} title={right.reason || undefined} loading={resend.isPending} onClick={() => { resend.mutate(); }}>{t("webhooks.resend")}</Button>
    </li>
  );
}

/** What was sent to one address, newest first, with every try. */
export function Deliveries({ subscriptionId }: { subscriptionId: string }) {
  const { t } = useSpoken();
  const right = useRight("resend_webhook_delivery");
  const query = useQuery(deliveriesQuery(subscriptionId));
  if (query.isPending) return <Loading rows={1} />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  if (query.data.length === 0) return <Text c="dimmed">{t("webhooks.no_deliveries")}</Text>;
  return (
    <>
      <NotAllowed right={right} />
      <ul className={classes.list} style={{ gap: 0 }}>
        {query.data.map((one) => <Line key={one.delivery_id} delivery={one} right={right} />)}
      </ul>
    </>
  );
}
