import { Button, Group, Modal, Select, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { keys, namedKindsQuery } from "@/api/queries";
import type { CorrectionRequest, Inspection, Verdict } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { StatusMark } from "@/status/StatusMark";

interface Props {
  inspection: Inspection;
  verdict: Verdict;
  close: () => void;
}

const USUAL = ["hole", "stain", "snag", "broken_end", "broken_pick", "loose_thread"];
const MOST_NAMED = 12;

/** What kind of flaw a finding is, where the person sees it differently: stations learn from it. */
function Names({ inspection, names, change }: { inspection: Inspection; names: Readonly<Record<number, string>>; change: (index: number, kind: string) => void }) {
  const { t, name } = useSpoken();
  const { data: known = [] } = useQuery(namedKindsQuery);
  const kinds = [...new Set([...known.map((one) => one.kind), ...USUAL])];
  return inspection.findings.slice(0, MOST_NAMED).map((finding, index) => (
    <Select
      key={index}
      label={t("decide.finding", { number: index + 1, kind: name("defect", finding.defect_class) })}
      placeholder={t("decide.same_kind")}
      clearable
      searchable
      data={kinds.map((kind) => ({ value: kind, label: name("defect", kind) }))}
      value={names[index] ?? null}
      onChange={(kind) => { change(index, kind ?? ""); }}
    />
  ));
}

/** A person's word on an inspection; the machine's record stays. */
export function DecideDialog({ inspection, verdict, close }: Props) {
  const { t } = useSpoken();
  const [reason, setReason] = useState("");
  const [names, setNames] = useState<Readonly<Record<number, string>>>({});
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: () => {
      const renamed = Object.entries(names).filter(([, kind]) => kind !== "");
      const correction: CorrectionRequest = {
        verdict,
        reason: reason.trim(),
        changes: renamed.map(([index, kind]) => ({ kind: "finding_renamed", name: kind, finding_index: Number(index) })),
      };
      return act(`/inspections/${encodeURIComponent(inspection.inspection_id)}/corrections`, correction);
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.piece(inspection.piece_id) });
      close();
    },
  });
  return (
    <Modal opened onClose={close} centered title={<b>{t("decide.title")}</b>} closeButtonProps={{ "aria-label": t("common.close") }}>
      <Stack>
        <Group gap="sm"><StatusMark code={inspection.final_verdict} /> → <StatusMark code={verdict} /></Group>
        <Text c="dimmed" fz="sm">{t("decide.text")}</Text>
        <Textarea label={t("common.reason")} data-autofocus required autosize minRows={3} maxLength={500} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
        <Names inspection={inspection} names={names} change={(index, kind) => { setNames({ ...names, [index]: kind }); }} />
        {decide.error ? <Refusal error={decide.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button disabled={!reason.trim()} loading={decide.isPending} onClick={() => { decide.mutate(); }}>{t("decide.save")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
