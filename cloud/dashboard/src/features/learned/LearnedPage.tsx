import { Button, Group, Modal, Stack, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";

import { act } from "@/api/client";
import { calibrationsQuery, keys, namedKindsQuery, taughtBanksQuery } from "@/api/queries";
import type { Calibration, NamedKind, TaughtBank } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { NotAllowed, useRight } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/learned/LearnedPage.module.css";
import { StatusMark } from "@/status/StatusMark";

function WithdrawDialog({ bank, close }: { bank: TaughtBank; close: () => void }) {
  const { t } = useSpoken();
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const send = useMutation({
    mutationFn: () => act<TaughtBank>(`/taught-banks/${encodeURIComponent(bank.bank_id)}/withdrawal`, { reason: reason.trim() }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.learned });
      close();
    },
  });
  return (
    <Modal opened onClose={close} centered title={<b>{t("learned.withdraw")}: {bank.style}</b>} closeButtonProps={{ "aria-label": t("common.close") }}>
      <Stack>
        <Text fz="sm" c="dimmed">{t("learned.withdraw_text")}</Text>
        <Textarea label={t("common.reason")} data-autofocus required autosize minRows={2} maxLength={500} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
        {send.error ? <Refusal error={send.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button disabled={!reason.trim()} loading={send.isPending} onClick={() => { send.mutate(); }}>{t("learned.withdraw")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function BankLine({ bank, withdraw, isAllowed }: { bank: TaughtBank; withdraw: () => void; isAllowed: boolean }) {
  const { t } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const mark = bank.withdrawn_at ? "FAIL" : bank.in_use ? "PASS" : "WAITING";
  const label = t(bank.withdrawn_at ? "learned.withdrawn" : bank.in_use ? "learned.in_use" : "learned.older");
  return (
    <li className={`${classes.line ?? ""} k-panel`}>
      <Stack gap={4}>
        <h3>{bank.style} <StatusMark code={mark} size="sm" label={label} /></h3>
        <div className={classes.facts}>
          <span>{bank.station_name || bank.station_id}</span>
          <span>{who(bank.taught_by)}</span>
          <span>{full(bank.taught_at)}</span>
          <span>{t("learned.pieces", { count: bank.piece_count })}</span>
          <span>{t("learned.overkill", { percent: (bank.overkill_ratio * 100).toFixed(1) })}</span>
          <span>{t("learned.bundle")} <code>{bank.bundle_digest.slice(0, 12)}</code></span>
        </div>
        {bank.withdrawn_at && bank.withdrawn_by ? (
          <Text fz="sm">{who(bank.withdrawn_by)}: {bank.withdrawn_reason} ({full(bank.withdrawn_at)})</Text>
        ) : null}
      </Stack>
      {bank.withdrawn_at ? null : (
        <Button variant="light" color="red" disabled={!isAllowed} onClick={withdraw}>{t("learned.withdraw")}</Button>
      )}
    </li>
  );
}

function Banks({ banks }: { banks: readonly TaughtBank[] }) {
  const right = useRight("withdraw_bank");
  const [chosen, setChosen] = useState<TaughtBank | null>(null);
  return (
    <>
      {banks.some((one) => !one.withdrawn_at) ? <NotAllowed right={right} /> : null}
      <ul className={classes.list}>
        {banks.map((bank) => <BankLine key={bank.bank_id} bank={bank} isAllowed={right.allowed} withdraw={() => { setChosen(bank); }} />)}
      </ul>
      {chosen ? <WithdrawDialog bank={chosen} close={() => { setChosen(null); }} /> : null}
    </>
  );
}

function Kinds({ kinds }: { kinds: readonly NamedKind[] }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  return (
    <ul className={classes.list}>
      {kinds.map((kind) => (
        <li key={`${kind.kind}/${kind.bundle_digest}`} className={`${classes.line ?? ""} k-panel`}>
          <Stack gap={4}>
            <h3>{name("defect", kind.kind)}</h3>
            <div className={classes.facts}>
              <span>{t("learned.named", { count: kind.naming_count })}</span>
              <span>{t("learned.last", { when: full(kind.last_named_at) })}</span>
              <span>{t("learned.bundle")} <code>{kind.bundle_digest.slice(0, 12)}</code></span>
              {kind.naming_count < kind.fewest_count ? <b>{t("learned.waiting", { count: kind.fewest_count - kind.naming_count })}</b> : null}
            </div>
          </Stack>
        </li>
      ))}
    </ul>
  );
}

function Calibrations({ calibrations }: { calibrations: readonly Calibration[] }) {
  const { t } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  return (
    <ul className={classes.list}>
      {calibrations.map((one) => (
        <li key={`${one.station_id}/${one.calibration_id}`} className={`${classes.line ?? ""} k-panel`}>
          <Stack gap={4}>
            <h3>{one.station_name} {one.newest ? <StatusMark code="PASS" size="sm" label={t("learned.in_use")} /> : null}</h3>
            <div className={classes.facts}>
              <span>{full(one.calibrated_at)}</span>
              <span>{who(one.calibrated_by)}</span>
              <b>RMS {one.rms_px.toFixed(3)} px</b>
              <span>{one.board.name} · {one.board.columns_count}×{one.board.rows_count} · {one.board.square_mm} mm</span>
              <span>{one.table}</span>
              <span>{t("learned.views", { count: one.views_count, percent: Math.round(one.coverage_ratio * 100) })}</span>
              {one.check_mm === null ? null : <span>{t("learned.check", { mm: one.check_mm.toFixed(2) })}</span>}
              <code>{one.calibration_id}</code>
            </div>
          </Stack>
        </li>
      ))}
    </ul>
  );
}

interface Asked<T> {
  data: T[] | undefined;
  error: Error | null;
  refetch: () => unknown;
}

function Section<T>({ title, text, query, children }: { title: string; text: string; query: Asked<T>; children: (found: T[]) => ReactNode }) {
  const { t } = useSpoken();
  return (
    <section aria-label={title} className={classes.section}>
      <Title order={2} fz="lg">{title}</Title>
      <Text c="dimmed" fz="sm" mb="xs">{text}</Text>
      {query.error ? <Trouble error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data === undefined && !query.error ? <Loading rows={2} /> : null}
      {query.data?.length === 0 ? <Text className="k-panel" p="lg">{t("learned.none")}</Text> : null}
      {query.data && query.data.length > 0 ? children(query.data) : null}
    </section>
  );
}

/** What people taught the stations: styles, kinds of flaws, and how cameras were calibrated. */
export function LearnedPage() {
  const { t } = useSpoken();
  return (
    <>
      <Title order={1}>{t("learned.title")}</Title>
      <Text c="dimmed" mb="md">{t("learned.text")}</Text>
      <Section title={t("learned.banks")} text={t("learned.banks_text")} query={useQuery(taughtBanksQuery)}>{(banks) => <Banks banks={banks} />}</Section>
      <Section title={t("learned.kinds")} text={t("learned.kinds_text")} query={useQuery(namedKindsQuery)}>{(kinds) => <Kinds kinds={kinds} />}</Section>
      <Section title={t("learned.calibrations")} text={t("learned.calibrations_text")} query={useQuery(calibrationsQuery)}>{(found) => <Calibrations calibrations={found} />}</Section>
    </>
  );
}
