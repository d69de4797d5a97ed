import { Button, Group, Modal, Stack, Switch, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { disputesQuery, keys } from "@/api/queries";
import type { Dispute, ResolutionRequest } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useRefusalText } from "@/app/refusals";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/disputes/DisputesPage.module.css";
import { SignDrawing, StatusMark } from "@/status/StatusMark";

type Decision = "ACCEPTED" | "REJECTED";

function ResolveDialog({ dispute, decision, done, close }: { dispute: Dispute; decision: Decision; done: () => void; close: () => void }) {
  const { t, name } = useSpoken();
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => {
      const resolution: ResolutionRequest = { decision, reason: reason.trim() };
      return act<Dispute>(`/disputes/${encodeURIComponent(dispute.event_id)}/resolution`, resolution);
    },
    onSuccess: async () => {
      done();
      await client.invalidateQueries({ queryKey: keys.disputes });
      close();
    },
  });
  return (
    <Modal opened onClose={close} centered title={<b>{name("dispute", decision)}</b>} closeButtonProps={{ "aria-label": t("common.close") }}>
      <Stack>
        <Text fz="sm" c="dimmed">{name("dispute", `${decision}_text`)}</Text>
        <Textarea label={t("common.reason")} data-autofocus required autosize minRows={3} maxLength={500} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
        {save.error ? <Refusal error={save.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button disabled={!reason.trim()} loading={save.isPending} onClick={() => { save.mutate(); }}>{name("dispute", decision)}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function markOf({ decision, outcome }: Dispute): string {
  if (decision === "REJECTED") return "FAIL";
  return outcome === "APPLIED" ? "PASS" : "REVIEW";
}

/** What became of that which was accepted in this window, as far as it is known. */
function Outcomes({ ids }: { ids: readonly string[] }) {
  const { name } = useSpoken();
  const { full } = useTimes();
  const query = useQuery({ ...disputesQuery(false), enabled: ids.length > 0 });
  const told = query.data?.filter((one) => one.decision === "ACCEPTED" && ids.includes(one.event_id)) ?? [];
  if (told.length === 0) return null;
  return (
    <section className={`${classes.outcomes ?? ""} k-panel`} role="status">
      {told.map((one) => (
        <p key={one.event_id}>
          <StatusMark code={markOf(one)} size="sm" label={name("dispute", `was_${one.outcome}`)} /> {one.station_name} · {name("fact", one.type)} · {full(one.occurred_at ?? one.disputed_at)}
        </p>
      ))}
    </section>
  );
}

function Line({ dispute, isReopened, decide }: { dispute: Dispute; isReopened: boolean; decide: (decision: Decision) => void }) {
  const { t, name } = useSpoken();
  const { full, doubt } = useTimes();
  const who = usePeople();
  const why = useRefusalText();
  return (
    <li className={`${classes.line ?? ""} k-panel`}>
      <i data-tone={dispute.decision ? "idle" : "review"}><SignDrawing sign={dispute.decision ? "check" : "question"} size={20} /></i>
      <div>
        <b>{why(dispute.code)}</b>
        <Text fz="sm">
          {dispute.station_name} · {name("fact", dispute.type)}
          {dispute.worker ? ` · ${who(dispute.worker)}` : ""} · {full(dispute.occurred_at ?? dispute.disputed_at)}{doubt(dispute.event_time_err_ms)}
        </Text>
        <Text fz="sm" c="dimmed">{dispute.code}: {dispute.detail}</Text>
        {isReopened ? <Text fz="sm" fw={700} role="status">{t("dispute.reopened")}</Text> : null}
        {dispute.decision ? (
          <Text fz="sm">
            <StatusMark code={markOf(dispute)} size="sm" label={name("dispute", `was_${dispute.outcome || dispute.decision}`)} />{" "}
            {dispute.resolved_by ? who(dispute.resolved_by) : ""}: {dispute.reason} {dispute.resolved_at ? `(${full(dispute.resolved_at)})` : ""}
          </Text>
        ) : null}
      </div>
      {dispute.decision ? null : (
        <Group gap="sm">
          <Button onClick={() => { decide("ACCEPTED"); }}>{t("dispute.ACCEPTED")}</Button>
          <Button variant="default" onClick={() => { decide("REJECTED"); }}>{t("dispute.REJECTED")}</Button>
        </Group>
      )}
    </li>
  );
}

/** Facts from the floor that a rule refused: a person says whether they count. */
export function DisputesPage() {
  const { t } = useSpoken();
  const [isAll, setAll] = useState(false);
  const [chosen, setChosen] = useState<{ dispute: Dispute; decision: Decision } | null>(null);
  // Accepted in this window: one that is open with another mark than then was refused again.
  const [accepted, setAccepted] = useState<Readonly<Record<string, string>>>({});
  const isReopened = (one: Dispute) => !one.decision && one.event_id in accepted && accepted[one.event_id] !== one.disputed_at;
  const query = useQuery(disputesQuery(!isAll));
  return (
    <>
      <Group justify="space-between" mb="md">
        <div>
          <Title order={1}>{t("dispute.title")}</Title>
          <Text c="dimmed">{t("dispute.text")}</Text>
        </div>
        <Switch label={t("dispute.all")} checked={isAll} onChange={(event) => { setAll(event.currentTarget.checked); }} />
      </Group>
      <Outcomes ids={Object.keys(accepted)} />
      {query.isPending ? <Loading rows={2} /> : query.isError ? (
        <Trouble error={query.error} retry={() => void query.refetch()} />
      ) : query.data.length === 0 ? (
        <section className={`${classes.none ?? ""} k-panel`}>
          <Text fw={700} fz="lg">{t("dispute.none")}</Text>
          <Text c="dimmed">{t("dispute.none_text")}</Text>
        </section>
      ) : (
        <ul className={classes.list}>
          {query.data.map((dispute) => <Line key={dispute.event_id} dispute={dispute} isReopened={isReopened(dispute)} decide={(decision) => { setChosen({ dispute, decision }); }} />)}
        </ul>
      )}
      {chosen ? <ResolveDialog {...chosen} done={() => { if (chosen.decision === "ACCEPTED") setAccepted({ ...accepted, [chosen.dispute.event_id]: chosen.dispute.disputed_at }); }} close={() => { setChosen(null); }} /> : null}
    </>
  );
}
