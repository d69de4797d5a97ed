import { Button, Group, MultiSelect, Select, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { keys, stationsQuery } from "@/api/queries";
import type { ModelBundle, Rollout } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { NotAllowed, useRight } from "@/app/rights";
import { Refusal } from "@/app/Trouble";

/** Choose a bundle, the stations, and the one that goes first. */
export function NewRollout({ bundles }: { bundles: readonly ModelBundle[] }) {
  const { t, say } = useSpoken();
  const right = useRight("create_rollout");
  const client = useQueryClient();
  const { data: stations = [] } = useQuery(stationsQuery);
  const [digest, setDigest] = useState<string | null>(null);
  const [chosen, setChosen] = useState<string[]>([]);
  const [canary, setCanary] = useState<string | null>(null);
  const first = canary !== null && chosen.includes(canary) ? canary : (chosen[0] ?? null);
  const make = useMutation({
    mutationFn: () => act<Rollout>("/rollouts", { model_digest: digest, station_ids: chosen, canary_station_id: first }),
    onSuccess: () => { setDigest(null); setChosen([]); setCanary(null); },
    onSettled: () => client.invalidateQueries({ queryKey: keys.rollouts }),
  });
  const label = (id: string): string => {
    const one = stations.find((station) => station.station_id === id);
    return one ? `${one.name} ${say(one.title_ko, one.title_en)}` : id;
  };
  return (
    <Panel title={t("rollouts.new")} text={t("rollouts.new_text")}>
      <NotAllowed right={right} />
      <Stack component="form" gap="sm" onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
        <Select label={t("rollouts.bundle")} required disabled={!right.allowed} value={digest} onChange={setDigest} data={bundles.map((one) => ({ value: one.model_digest, label: `${one.name} ${one.version} (${one.model_digest.slice(0, 8)})` }))} />
        <MultiSelect label={t("rollouts.stations")} required disabled={!right.allowed} value={chosen} onChange={setChosen} data={stations.map((one) => ({ value: one.station_id, label: label(one.station_id) }))} />
        <Select label={t("rollouts.canary")} description={t("rollouts.canary_text")} disabled={!right.allowed || chosen.length === 0} value={first} onChange={setCanary} data={chosen.map((id) => ({ value: id, label: label(id) }))} />
        <Group>
          <Button type="submit" disabled={!right.allowed || digest === null || chosen.length === 0} loading={make.isPending}>{t("rollouts.make")}</Button>
          {make.isSuccess ? <Text fz="sm" role="status">{t("rollouts.made_done")}</Text> : null}
        </Group>
        {make.error ? <Refusal error={make.error} /> : null}
      </Stack>
    </Panel>
  );
}
