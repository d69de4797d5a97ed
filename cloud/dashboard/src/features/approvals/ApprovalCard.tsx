import { Button, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { approvalQuery, keys } from "@/api/queries";
import type { Approval } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/approvals/ApprovalsPage.module.css";
import { changesOf, shown } from "@/features/approvals/fields";

type Step = "approval" | "rejection" | "changes" | "undo" | "withdrawal" | "advice";

function Changes({ approval }: { approval: Approval }) {
  const { name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  return (
    <>
      {approval.changes.map((change) => (
        <div key={change.revision} className={classes.change}>
          <Text fz="sm" c="dimmed">{who(change.changed_by)} · {full(change.changed_at)} · {change.reason}</Text>
          {change.differences.map((one) => (
            <Text key={one.field} fz="sm">
              <b>{name("command_field", one.field)}</b> <del>{shown(one.before)}</del> → <ins>{shown(one.after)}</ins>
            </Text>
          ))}
        </div>
      ))}
      {approval.advice.map((one) => (
        <Text key={one.login} fz="sm">{who(one.login)}: {one.advice ?? "…"}</Text>
      ))}
    </>
  );
}

function Decision({ approval }: { approval: Approval }) {
  const { t, name } = useSpoken();
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const [texts, setTexts] = useState<Record<string, string>>({});
  const id = approval.approval.approval_id;
  const changes = changesOf(approval.fields, texts);
  const isChanged = Object.keys(changes).length > 0;
  const said = reason.trim();
  const send = useMutation({
    mutationFn: (step: Step) => {
      const seen = { payload_hash: approval.payload_hash };
      const body = { approval: seen, changes: { ...seen, changes, reason: said }, advice: { advice: said }, withdrawal: {}, rejection: { reason: said }, undo: { reason: said } }[step];
      return act<Approval>(`/approvals/${encodeURIComponent(id)}/${step}`, body);
    },
    onSuccess: () => { setReason(""); setTexts({}); },
    onSettled: () => client.invalidateQueries({ queryKey: keys.approvals }),
  });
  const mayDecide = approval.approval.may_decide;
  return (
    <Stack gap="sm">
      {approval.fields.map((field) => (
        <TextInput key={field.name} label={name("command_field", field.name)} readOnly={!mayDecide} value={texts[field.name] ?? shown(field.value)} onChange={(event) => { const value = event.currentTarget.value; setTexts((before) => ({ ...before, [field.name]: value })); }} />
      ))}
      <Changes approval={approval} />
      {approval.policy_changed ? <Text fz="sm" c="dimmed">{t("approval.policy_changed")}</Text> : null}
      {mayDecide || approval.may_undo || approval.may_advise ? (
        <Textarea label={t(approval.may_advise ? "approval.advice" : "common.reason")} autosize minRows={2} maxLength={2000} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
      ) : null}
      {send.error ? <Refusal error={send.error} /> : null}
      <Group justify="flex-end">
        {approval.may_withdraw ? <Button variant="default" loading={send.isPending} onClick={() => { send.mutate("withdrawal"); }}>{t("approval.withdraw")}</Button> : null}
        {approval.may_undo ? <Button variant="default" disabled={!said} loading={send.isPending} onClick={() => { send.mutate("undo"); }}>{t("approval.undo")}</Button> : null}
        {approval.may_advise ? <Button disabled={!said} loading={send.isPending} onClick={() => { send.mutate("advice"); }}>{t("approval.advise")}</Button> : null}
        {mayDecide ? (
          <>
            <Button variant="default" disabled={!said} loading={send.isPending} onClick={() => { send.mutate("rejection"); }}>{t("approval.reject")}</Button>
            <Button variant="default" disabled={!said || !isChanged} loading={send.isPending} onClick={() => { send.mutate("changes"); }}>{t("approval.change")}</Button>
            <Button disabled={isChanged} loading={send.isPending} onClick={() => { send.mutate("approval"); }}>{t("approval.approve")}</Button>
          </>
        ) : null}
      </Group>
    </Stack>
  );
}

/** One held command whole: its fields, what was changed in them, what was advised, the decision. */
export function ApprovalCard({ id }: { id: string }) {
  const query = useQuery(approvalQuery(id));
  if (query.isPending) return <Loading rows={1} />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  return <Decision key={query.data.payload_hash} approval={query.data} />;
}
