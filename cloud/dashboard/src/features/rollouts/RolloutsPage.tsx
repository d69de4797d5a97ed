import { Alert, Code, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { modelBundlesQuery, rolloutDefaultsQuery, rolloutsQuery } from "@/api/queries";
import type { ModelBundle } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { Trouble } from "@/app/Trouble";
import { NewRollout } from "@/features/rollouts/NewRollout";
import { RolloutCard } from "@/features/rollouts/RolloutCard";
import classes from "@/features/rollouts/RolloutsPage.module.css";

const MEGABYTE = 1_000_000;

function FewGarments() {
  const { t } = useSpoken();
  const { data } = useQuery(rolloutDefaultsQuery);
  if (!data?.few) return null;
  return <Alert color="yellow" title={t("rollouts.few")} mb="md">{t("rollouts.few_text", { shadow: data.trial.shadow_garments, trial: data.trial.trial_garments, canary: data.canary_garments })}</Alert>;
}

function Bundle({ one }: { one: ModelBundle }) {
  const { t } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  return (
    <tr>
      <td><b>{one.name} {one.version}</b></td>
      <td className={classes.number}>{one.release_counter}</td>
      <td>{who(one.signed_by)}</td>
      <td>{full(one.released_at)}</td>
      <td>{full(one.expires_at)}</td>
      <td className={classes.number}>{t("rollouts.megabytes", { count: (one.size_bytes / MEGABYTE).toFixed(1) })}</td>
      <td><code title={one.model_digest}>{one.model_digest.slice(0, 12)}</code></td>
    </tr>
  );
}

const COLUMNS = ["name", "counter", "signer", "released", "expires", "size", "digest"] as const;

function Bundles({ bundles }: { bundles: readonly ModelBundle[] }) {
  const { t } = useSpoken();
  return (
    <Panel title={t("rollouts.bundles")} text={t("rollouts.bundles_text")}>
      {bundles.length === 0 ? (
        <Text>{t("rollouts.no_bundles")} <Code>kyndof bundle release</Code></Text>
      ) : (
        <div className={classes.tablewrap}>
          <table className={classes.table}>
            <thead><tr>{COLUMNS.map((one) => <th key={one} scope="col" className={one === "counter" || one === "size" ? classes.number : undefined}>{t(`rollouts.bundle_${one}`)}</th>)}</tr></thead>
            <tbody>{bundles.map((one) => <Bundle key={one.model_digest} one={one} />)}</tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** Bundles, and their way to the floor. */
export function RolloutsPage() {
  const { t } = useSpoken();
  const bundles = useQuery(modelBundlesQuery);
  const rollouts = useQuery(rolloutsQuery);
  if (bundles.isPending || rollouts.isPending) return <Loading />;
  if (bundles.isError) return <Trouble error={bundles.error} retry={() => void bundles.refetch()} />;
  if (rollouts.isError) return <Trouble error={rollouts.error} retry={() => void rollouts.refetch()} />;
  return (
    <>
      <Title order={1}>{t("rollouts.title")}</Title>
      <Text c="dimmed" mb="md">{t("rollouts.text")}</Text>
      <FewGarments />
      <Stack gap="md">
        {rollouts.data.length === 0 ? (
          <div className={`${classes.none ?? ""} k-panel`}><Text fw={700} fz="lg">{t("rollouts.none")}</Text></div>
        ) : (
          <ul className={classes.list}>{rollouts.data.map((one) => <RolloutCard key={one.rollout_id} listed={one} />)}</ul>
        )}
        {bundles.data.length > 0 ? <NewRollout bundles={bundles.data} /> : null}
        <Bundles bundles={bundles.data} />
      </Stack>
    </>
  );
}
