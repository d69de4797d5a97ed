import { Button, Group, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act, readTag, remove, replace } from "@/api/client";
import { keys, webhookSubscriptionsQuery } from "@/api/queries";
import type { IssuedWebhookSecret, WebhookSubscription } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { usePeople } from "@/app/people";
import { NotAllowed, useRight, type Right } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import { Deliveries } from "@/features/webhooks/Deliveries";
import { IssuedSecret } from "@/features/webhooks/IssuedSecret";
import classes from "@/features/webhooks/WebhooksPage.module.css";
import ko from "../../../texts/ko.json";

const TONES: Record<string, string> = { ACTIVE: "pass", STOPPED: "idle", SUSPENDED: "fail" };
/** Offered, not demanded: any type of event may be written. */
const KNOWN_EVENTS = ["*", ...Object.keys(ko.event).filter((type) => !/^(alarm_|step_judged$|station_o)/.test(type))];

function useOld() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.webhooks });
}

function NewSubscription({ right }: { right: Right }) {
  const { t } = useSpoken();
  const old = useOld();
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<string[]>(["*"]);
  const make = useMutation({
    mutationFn: () => act<IssuedWebhookSecret>("/webhooks/subscriptions", { url: url.trim(), events }),
    onSuccess: () => { setUrl(""); },
    onSettled: old,
  });
  return (
    <form onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
      <Stack gap="sm">
        <Group align="flex-end">
          <TextInput label={t("webhooks.url")} type="url" required placeholder="https://…" value={url} onChange={(event) => { setUrl(event.currentTarget.value); }} style={{ flex: "2 1 260px" }} disabled={!right.allowed} />
          <TagsInput label={t("webhooks.events")} data={KNOWN_EVENTS} value={events} onChange={setEvents} style={{ flex: "3 1 260px" }} disabled={!right.allowed} />
          <Button type="submit" loading={make.isPending} disabled={!right.allowed || events.length === 0}>{t("webhooks.subscribe")}</Button>
        </Group>
        {make.error ? <Refusal error={make.error} /> : null}
        {make.data ? <IssuedSecret issued={make.data} /> : null}
      </Stack>
    </form>
  );
}

function Line({ subscription, right }: { subscription: WebhookSubscription; right: Right }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const old = useOld();
  const [isOpen, setOpen] = useState(false);
  const [isEnding, setEnding] = useState(false);
  const path = `/webhooks/subscriptions/${encodeURIComponent(subscription.subscription_id)}`;
  const turn = useMutation({
    mutationFn: async (isActive: boolean) => {
      const { url, events } = subscription;
      return replace<WebhookSubscription>(path, { url, events, is_active: isActive }, await readTag(path));
    },
    onSettled: old,
  });
  const rotate = useMutation({
    mutationFn: () => act<IssuedWebhookSecret>(`/webhooks/secrets/${encodeURIComponent(subscription.subscription_id)}/rotation`, { overlap_h: 24 }),
  });
  const end = useMutation({ mutationFn: () => remove(path), onSettled: old });
  const error = turn.error ?? rotate.error ?? end.error;
  const isActive = subscription.state === "ACTIVE";
  return (
    <li className={classes.line}>
      <div className={classes.head}>
        <b>{subscription.url}</b>
        <span className={classes.state} data-tone={TONES[subscription.state] ?? "idle"}>{name("subscription_state", subscription.state)}</span>
      </div>
      <Text fz="sm" c="dimmed">
        {subscription.events.includes("*") ? t("webhooks.all_events") : subscription.events.join(", ")} · {who(subscription.created_by)} · {full(subscription.created_at)}
        {subscription.failures_count > 0 ? ` · ${t("webhooks.failures", { count: subscription.failures_count })}` : ""}
        {subscription.reason && subscription.state !== "SUSPENDED" ? ` · ${subscription.reason}` : ""}
      </Text>
      {error ? <Refusal error={error} /> : null}
      {rotate.data ? <IssuedSecret issued={rotate.data} /> : null}
      <Group gap="xs">
        <Button size="xs" variant="light" aria-expanded={isOpen} onClick={() => { setOpen(!isOpen); }}>{t("webhooks.log")}</Button>
        <Button size="xs" variant="default" disabled={!right.allowed} loading={turn.isPending} onClick={() => { turn.mutate(!isActive); }}>{t(isActive ? "webhooks.stop" : "webhooks.go")}</Button>
        <Button size="xs" variant="default" disabled={!right.allowed} loading={rotate.isPending} onClick={() => { rotate.mutate(); }}>{t("webhooks.rotate")}</Button>
        {isEnding ? (
          <>
            <Button size="xs" color="red" loading={end.isPending} onClick={() => { end.mutate(); }}>{t("webhooks.end_sure")}</Button>
            <Button size="xs" variant="default" onClick={() => { setEnding(false); }}>{t("common.cancel")}</Button>
          </>
        ) : (
          <Button size="xs" variant="default" disabled={!right.allowed} onClick={() => { setEnding(true); }}>{t("webhooks.end")}</Button>
        )}
      </Group>
      {isOpen ? <Deliveries subscriptionId={subscription.subscription_id} /> : null}
    </li>
  );
}

/** Where our events go. */
export function Subscriptions() {
  const { t } = useSpoken();
  const right = useRight("create_webhook_subscription");
  const query = useQuery(webhookSubscriptionsQuery);
  return (
    <Panel title={t("webhooks.subscriptions")} text={t("webhooks.subscriptions_text")}>
      <NotAllowed right={right} />
      {query.isPending ? <Loading rows={1} /> : query.isError ? <Trouble error={query.error} retry={() => void query.refetch()} /> : query.data.length === 0 ? (
        <Text c="dimmed">{t("webhooks.no_subscriptions")}</Text>
      ) : (
        <ul className={classes.list}>{query.data.map((one) => <Line key={one.subscription_id} subscription={one} right={right} />)}</ul>
      )}
      <NewSubscription right={right} />
    </Panel>
  );
}
