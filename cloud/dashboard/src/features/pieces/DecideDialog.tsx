import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { keys } from "@/api/queries";
import type { Inspection, Verdict } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { StatusMark } from "@/status/StatusMark";

interface Props {
  inspection: Inspection;
  verdict: Verdict;
  close: () => void;
}

/** A person's word on an inspection; the machine's record stays. */
export function DecideDialog({ inspection, verdict, close }: Props) {
  const { t } = useSpoken();
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: () =>
      act(`/inspections/${encodeURIComponent(inspection.inspection_id)}/corrections`, { verdict, reason: reason.trim(), changes: [] }),
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
        {decide.error ? <Refusal error={decide.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button disabled={!reason.trim()} loading={decide.isPending} onClick={() => { decide.mutate(); }}>{t("decide.save")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
