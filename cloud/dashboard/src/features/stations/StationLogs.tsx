import { Button, Group, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { act } from "@/api/client";
import { keys, stationLogsQuery } from "@/api/queries";
import type { StationLogs as Logs } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { usePeople } from "@/app/people";
import { useRefusalText } from "@/app/refusals";
import { NotAllowed, useRight } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal } from "@/app/Trouble";
import classes from "@/features/stations/ConfigurationPage.module.css";

/** Who asked, and what the station said. */
function Answered({ logs }: { logs: Logs }) {
  const { t } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const why = useRefusalText();
  if (!logs.log_request_id) return <Text c="dimmed" fz="sm">{t("station_logs.never")}</Text>;
  const asked = t("station_logs.asked", { person: who(logs.asked_by), when: full(logs.asked_at) });
  if (!logs.answered_at) return <Text role="status" fz="sm">{asked} · {t("station_logs.waits")}</Text>;
  if (logs.refusal) return <Text role="status" fz="sm">{asked} · {t("station_logs.refused", { when: full(logs.answered_at), reason: why(logs.refusal) })}</Text>;
  return (
    <>
      <Text role="status" fz="sm">{asked} · {t("station_logs.answered", { when: full(logs.answered_at), count: logs.lines.length })}</Text>
      {logs.left_out_count > 0 ? <Text c="dimmed" fz="sm">{t("station_logs.left_out", { count: logs.left_out_count })}</Text> : null}
      {logs.lines.length > 0 ? (
        <ol className={classes.logs} tabIndex={0} aria-label={t("station_logs.title")}>
          {logs.lines.map((line, place) => (
            <li key={place} data-level={line.level}><time>{full(line.at)}</time> <b>{line.level}</b> <code>{line.logger}</code> {line.message}</li>
          ))}
        </ol>
      ) : null}
    </>
  );
}

/** The station's newest warnings and errors, where somebody asks for them. */
export function StationLogs({ id }: { id: string }) {
  const { t } = useSpoken();
  const client = useQueryClient();
  const right = useRight("ask_for_station_logs");
  const query = useQuery({ ...stationLogsQuery(id), enabled: right.allowed });
  const ask = useMutation({
    mutationFn: () => act<Logs>(`/stations/${encodeURIComponent(id)}/logs`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: keys.stationLogs }),
  });
  return (
    <Panel title={t("station_logs.title")} text={t("station_logs.text")}>
      <NotAllowed right={right} />
      {query.data ? <Answered logs={query.data} /> : null}
      {query.error && right.allowed ? <Refusal error={query.error} /> : null}
      {ask.error ? <Refusal error={ask.error} /> : null}
      <Group>
        <Button variant="default" disabled={!right.allowed} loading={ask.isPending} onClick={() => { ask.mutate(); }}>{t("station_logs.ask")}</Button>
      </Group>
    </Panel>
  );
}
