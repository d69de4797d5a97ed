import { Button, Code, Group, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act, remove } from "@/api/client";
import { keys, webhookEndpointsQuery } from "@/api/queries";
import type { IssuedWebhookSecret, WebhookEndpoint } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { usePeople } from "@/app/people";
import { NotAllowed, useRight, type Right } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import { IssuedSecret } from "@/features/webhooks/IssuedSecret";
import classes from "@/features/webhooks/WebhooksPage.module.css";

function Line({ endpoint, right }: { endpoint: WebhookEndpoint; right: Right }) {
  const { t } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const client = useQueryClient();
  const [isEnding, setEnding] = useState(false);
  const rotate = useMutation({
    mutationFn: () => act<IssuedWebhookSecret>(`/webhooks/secrets/${encodeURIComponent(endpoint.endpoint_id)}/rotation`, { overlap_h: 24 }),
  });
  const close = useMutation({
    mutationFn: () => remove(`/webhooks/endpoints/${encodeURIComponent(endpoint.endpoint_id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: keys.webhooks }),
  });
  const error = rotate.error ?? close.error;
  return (
    <li className={classes.line}>
      <div className={classes.head}><b>{endpoint.name}</b><Code style={{ overflowWrap: "anywhere" }}>{endpoint.path}</Code></div>
      <Text fz="sm" c="dimmed">{who(endpoint.created_by)} · {full(endpoint.created_at)}</Text>
      {error ? <Refusal error={error} /> : null}
      {rotate.data ? <IssuedSecret issued={rotate.data} /> : null}
      <Group gap="xs">
        <Button size="xs" variant="default" disabled={!right.allowed} loading={rotate.isPending} onClick={() => { rotate.mutate(); }}>{t("webhooks.rotate")}</Button>
        {isEnding ? (
          <>
            <Button size="xs" color="red" loading={close.isPending} onClick={() => { close.mutate(); }}>{t("webhooks.close_sure")}</Button>
            <Button size="xs" variant="default" onClick={() => { setEnding(false); }}>{t("common.cancel")}</Button>
          </>
        ) : (
          <Button size="xs" variant="default" disabled={!right.allowed} onClick={() => { setEnding(true); }}>{t("webhooks.close")}</Button>
        )}
      </Group>
    </li>
  );
}

function NewEndpoint({ right }: { right: Right }) {
  const { t } = useSpoken();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const make = useMutation({
    mutationFn: () => act<IssuedWebhookSecret>("/webhooks/endpoints", { name: name.trim() }),
    onSuccess: () => { setName(""); },
    onSettled: () => client.invalidateQueries({ queryKey: keys.webhooks }),
  });
  return (
    <form onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
      <Stack gap="sm">
        <Group align="flex-end">
          <TextInput label={t("webhooks.endpoint_name")} required value={name} onChange={(event) => { setName(event.currentTarget.value); }} disabled={!right.allowed} w={260} />
          <Button type="submit" loading={make.isPending} disabled={!right.allowed}>{t("webhooks.open")}</Button>
        </Group>
        {make.error ? <Refusal error={make.error} /> : null}
        {make.data ? <IssuedSecret issued={make.data} /> : null}
      </Stack>
    </form>
  );
}

/** The open doors for other systems' messages. */
export function Endpoints() {
  const { t } = useSpoken();
  const right = useRight("create_webhook_endpoint");
  const query = useQuery(webhookEndpointsQuery);
  return (
    <Panel title={t("webhooks.endpoints")} text={t("webhooks.endpoints_text")}>
      <NotAllowed right={right} />
      {query.isPending ? <Loading rows={1} /> : query.isError ? <Trouble error={query.error} retry={() => void query.refetch()} /> : query.data.length === 0 ? (
        <Text c="dimmed">{t("webhooks.no_endpoints")}</Text>
      ) : (
        <ul className={classes.list}>{query.data.map((one) => <Line key={one.endpoint_id} endpoint={one} right={right} />)}</ul>
      )}
      <NewEndpoint right={right} />
    </Panel>
  );
}
