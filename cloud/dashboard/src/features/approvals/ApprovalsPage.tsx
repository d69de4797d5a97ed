import { Group, Switch, Text, Title, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { approvalsQuery } from "@/api/queries";
import type { ApprovalLine } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { Trouble } from "@/app/Trouble";
import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import classes from "@/features/approvals/ApprovalsPage.module.css";

function Line({ line, isOpen, toggle }: { line: ApprovalLine; isOpen: boolean; toggle: () => void }) {
  const { t, name, language } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  return (
    <li className={`${classes.line ?? ""} k-panel`}>
      <UnstyledButton onClick={toggle} aria-expanded={isOpen} className={classes.head}>
        <b>{name("action", line.action.replaceAll("-", "_"))}</b>
        {line.amount_krw === null ? null : <span>{new Intl.NumberFormat(language, { style: "currency", currency: "KRW" }).format(line.amount_krw)}</span>}
        <Text fz="sm">{who(line.requester)} · {full(line.requested_at)}</Text>
        <Text fz="sm" c="dimmed">
          {name("approval_state", line.state)}
          {line.escalated ? ` · ${t("approval.escalated")}` : ""}
          {line.decided_by ? ` · ${who(line.decided_by)}` : ""}
          {line.decision_reason ? ` · ${line.decision_reason}` : ""}
          {line.state === "pending" ? ` · ${t("approval.until", { when: full(line.expires_at) })}` : ""}
        </Text>
      </UnstyledButton>
      {isOpen ? <ApprovalCard id={line.approval_id} /> : null}
    </li>
  );
}

/** Commands that wait for a person, or one's own requests with what became of them. */
export function ApprovalsPage() {
  const { t } = useSpoken();
  const [isOwn, setOwn] = useState(false);
  const [open, setOpen] = useState("");
  const query = useQuery(approvalsQuery(isOwn));
  return (
    <>
      <Group justify="space-between" mb="md">
        <div>
          <Title order={1}>{t("approval.title")}</Title>
          <Text c="dimmed">{t("approval.text")}</Text>
        </div>
        <Switch label={t("approval.own")} checked={isOwn} onChange={(event) => { setOwn(event.currentTarget.checked); }} />
      </Group>
      {query.isPending ? <Loading rows={2} /> : query.isError ? (
        <Trouble error={query.error} retry={() => void query.refetch()} />
      ) : query.data.length === 0 ? (
        <section className={`${classes.none ?? ""} k-panel`}><Text fw={700} fz="lg">{t("approval.none")}</Text></section>
      ) : (
        <ul className={classes.list}>
          {query.data.map((line) => <Line key={line.approval_id} line={line} isOpen={open === line.approval_id} toggle={() => { setOpen(open === line.approval_id ? "" : line.approval_id); }} />)}
        </ul>
      )}
    </>
  );
}
