import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useState, type CSSProperties } from "react";

import { act } from "@/api/client";
import { keys, meQuery, rolloutQuery } from "@/api/queries";
import type { Rollout, RolloutStation } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useRight } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal } from "@/app/Trouble";
import classes from "@/features/rollouts/RolloutsPage.module.css";
import { actsAt, lookOfStage, lookOfState, lostAfter, scale, way, WAY } from "@/features/rollouts/stages";
import { SignDrawing } from "@/status/StatusMark";

type Act = ReturnType<typeof actsAt>[number];
const ACTIONS: Record<Act, { action: string; path: string; asks: boolean; variant: string; color?: string }> = {
  approve: { action: "approve_rollout", path: "approval", asks: false, variant: "filled" },
  start: { action: "start_rollout", path: "start", asks: false, variant: "filled" },
  pause: { action: "pause_rollout", path: "pause", asks: true, variant: "default" },
  resume: { action: "resume_rollout", path: "resumption", asks: false, variant: "filled" },
  halt: { action: "halt_rollout", path: "halt", asks: true, variant: "outline", color: "red" },
  return: { action: "roll_back_fleet", path: "return", asks: true, variant: "outline", color: "red" },
};

function ActButton({ rollout, what, chosen, choose }: { rollout: Rollout; what: Act; chosen: Act | null; choose: (what: Act | null) => void }) {
  const { t } = useSpoken();
  const right = useRight(ACTIONS[what].action);
  const { data: me } = useSuspenseQuery(meQuery);
  // The cloud refuses whoever made or signed it: four eyes.
  const own = what === "approve" && [rollout.created_by, rollout.signed_by].includes(me.person.login);
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const { path, asks, variant, color } = ACTIONS[what];
  const send = useMutation({
    mutationFn: () => act(`/rollouts/${encodeURIComponent(rollout.rollout_id)}/${path}`, what === "approve" ? { model_digest: rollout.model_digest } : asks ? { reason: reason.trim() } : {}),
    onSuccess: () => { choose(null); },
    onSettled: () => client.invalidateQueries({ queryKey: keys.rollouts }),
  });
  if (chosen !== null && chosen !== what) return null;
  if (asks && chosen === what) {
    return (
      <Stack gap="xs" w="100%" component="form" onSubmit={(event) => { event.preventDefault(); send.mutate(); }}>
        <Text fz="sm">{t(`rollouts.${what}_text`)}</Text>
        <Group align="flex-end">
          <TextInput label={t("common.reason")} required maxLength={500} data-autofocus value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} flex={1} />
          <Button type="submit" {...(color ? { color } : {})} loading={send.isPending}>{t(`rollouts.${what}`)}</Button>
          <Button variant="default" onClick={() => { choose(null); }}>{t("common.cancel")}</Button>
        </Group>
        {send.error ? <Refusal error={send.error} /> : null}
      </Stack>
    );
  }
  return (
    <>
      <Button variant={variant} {...(color ? { color } : {})} disabled={!right.allowed || own} title={right.reason || undefined} loading={send.isPending} onClick={() => { if (asks) choose(what); else send.mutate(); }}>
        {t(`rollouts.${what}`)}
      </Button>
      {own ? <Text fz="sm" c="dimmed" role="note">{t("rollouts.new_text")}</Text> : null}
      {send.error ? <Refusal error={send.error} /> : null}
    </>
  );
}

function Way({ rollout }: { rollout: Rollout }) {
  const { name } = useSpoken();
  const places = way(rollout, rollout.stations);
  return (
    <ol className={classes.way} data-tone={lookOfStage(rollout.stage).tone}>
      {WAY.map((step, number) => <li key={step} data-at={places[number]} aria-current={places[number] === "here" ? "step" : undefined}>{name("rollout_stage", step)}</li>)}
    </ol>
  );
}

function Numbers({ rollout }: { rollout: Rollout }) {
  const { t, name } = useSpoken();
  const numbers = rollout.numbers;
  if (!numbers) return null;
  const { low, high, at } = scale(numbers);
  const place = { "--low": `${low}%`, "--high": `${high}%` } as CSSProperties;
  const told = t("rollouts.rejects", { rejects: numbers.rejects, garments: numbers.garments, most: numbers.most_count });
  return (
    <div className={classes.numbers}>
      <Text fz="sm"><b>{told}</b> · {name("rollout_shift", numbers.shift)}</Text>
      <div className={classes.scale} style={place} role="img" aria-label={`${told}; ${t("rollouts.upper", { count: numbers.upper_count.toFixed(1) })}`}>
        <i style={{ left: `${low}%` }} /><i style={{ left: `${high}%` }} /><b style={{ left: `${at}%` }} />
      </div>
      <div className={classes.facts}>
        {numbers.lower_count >= 0 ? <span>{t("rollouts.lower", { count: numbers.lower_count.toFixed(1) })}</span> : null}
        <span>{t("rollouts.upper", { count: numbers.upper_count.toFixed(1) })}</span>
        <span>{t("rollouts.evaluated", { committed: numbers.committed, evaluated: numbers.evaluated })}</span>
        <span>{t("rollouts.failed", { count: numbers.failed })}</span>
        <span>{t("rollouts.overruled", { count: numbers.overrides, most: Math.ceil(numbers.override_upper_count) })}</span>
        <span>{t("rollouts.away", { count: numbers.away })}</span>
      </div>
    </div>
  );
}

function Station({ one }: { one: RolloutStation }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const { tone, sign } = lookOfState(one.state);
  return (
    <tr>
      <td><b>{one.station_name}</b></td>
      <td>{name("rollout_stage", one.wave)}</td>
      <td>
        <span className={classes.state} data-tone={tone}><SignDrawing sign={sign} size={13} />{one.state ? name("trial_state", one.state) : t(one.assigned_at ? "rollouts.silent" : "rollouts.not_yet")}</span>
        {one.code ? <Text fz="xs" c="dimmed">{name("rollout_code", one.code)}</Text> : null}
        {one.withdrawn ? <Text fz="xs" c="dimmed">{t("rollouts.withdrawn")}</Text> : null}
      </td>
      <td className={classes.number}>{one.state === "SHADOW" ? one.shadow_garments : one.garments}</td>
      <td className={classes.number}>{one.rejects}</td>
      <td className={classes.number}>{one.errors}</td>
      <td>{t(one.online ? "rollouts.online" : "rollouts.offline")}</td>
      <td><code title={one.running_digest}>{one.running_digest.slice(0, 8) || "–"}</code></td>
      <td>{full(one.reported_at)}</td>
    </tr>
  );
}

const COLUMNS = ["station", "wave", "state", "garments", "rejects_short", "errors", "link", "running", "reported"] as const;
const NUMBERS = new Set(["garments", "rejects_short", "errors"]);

function Stations({ stations }: { stations: readonly RolloutStation[] }) {
  const { t } = useSpoken();
  return (
    <div className={classes.tablewrap}>
      <table className={classes.table}>
        <thead><tr>{COLUMNS.map((one) => <th key={one} scope="col" className={NUMBERS.has(one) ? classes.number : undefined}>{t(`rollouts.column_${one}`)}</th>)}</tr></thead>
        <tbody>{stations.map((one) => <Station key={one.station_id} one={one} />)}</tbody>
      </table>
    </div>
  );
}

/** One rollout: where it stands, its numbers against the lines, its stations, and what may be done. */
export function RolloutCard({ listed }: { listed: Rollout }) {
  const { t, name } = useSpoken();
  const { full, duration } = useTimes();
  const who = usePeople();
  const [chosen, choose] = useState<Act | null>(null);
  const { data } = useQuery(rolloutQuery(listed.rollout_id));
  const rollout = data ?? listed;
  const { tone, sign } = lookOfStage(rollout.stage);
  const trial = rollout.trial;
  const lost = lostAfter(rollout.stations);
  return (
    <li className={`${classes.card ?? ""} k-panel`} aria-label={`${rollout.name} ${rollout.version}`}>
      <div className={classes.head}>
        <h3>{rollout.name} {rollout.version}</h3>
        <span className={classes.now} data-tone={tone}><SignDrawing sign={sign} size={15} />{name("rollout_stage", rollout.stage)}</span>
      </div>
      <Way rollout={rollout} />
      {rollout.code ? <p className={classes.why} data-tone="fail">{name("rollout_code", rollout.code)}{rollout.reason ? `: ${rollout.reason}` : ""}</p> : null}
      {rollout.stage === "DONE" && lost > 0 ? <p className={classes.why} data-tone="fail">{t("rollouts.lost_after", { count: lost })}</p> : null}
      {rollout.stage === "PAUSED" && rollout.reason ? <p className={classes.why} data-tone="review">{rollout.reason}</p> : null}
      <Numbers rollout={rollout} />
      <Stations stations={rollout.stations} />
      <div className={classes.facts}>
        <span>{t("rollouts.made", { who: who(rollout.created_by), when: full(rollout.created_at) })}</span>
        <span>{t("rollouts.signed", { who: who(rollout.signed_by) })}</span>
        {rollout.approved_by ? <span>{t("rollouts.approved", { who: who(rollout.approved_by), when: full(rollout.approved_at) })}</span> : null}
        <span>{t("rollouts.rules", { shadow: trial.shadow_garments, trial: trial.trial_garments, canary: rollout.canary_garments, base: (rollout.baseline_ratio * 100).toFixed(1), overruled: (rollout.override_baseline_ratio * 100).toFixed(1), deadline: duration(rollout.deadline_s) })}</span>
        <span>{t("rollouts.digest")} <code>{rollout.model_digest}</code></span>
      </div>
      <Group gap="sm">
        {actsAt(rollout.stage).map((what) => <ActButton key={what} rollout={rollout} what={what} chosen={chosen} choose={choose} />)}
      </Group>
    </li>
  );
}
