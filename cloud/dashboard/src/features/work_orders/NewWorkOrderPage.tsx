import { Button, Group, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";

import { act } from "@/api/client";
import { keys } from "@/api/queries";
import type { WorkOrderCreation } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { draftOf, emptyOrder, type TypedOrder } from "@/features/work_orders/draft";
import classes from "@/features/work_orders/NewWorkOrderPage.module.css";
import { DefectFields, PointFields, StitchFields } from "@/features/work_orders/StandardFields";
import { problemsOf, type Problem } from "@/features/work_orders/problems";
import { SizeFields, StepFields } from "@/features/work_orders/StepFields";

function Section({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <section className={`${classes.section ?? ""} k-panel`}>
      <Title order={2}>{title}</Title>
      {text ? <Text c="dimmed" fz="sm">{text}</Text> : null}
      {children}
    </section>
  );
}

export interface Fields {
  order: TypedOrder;
  change: (part: Partial<TypedOrder>) => void;
}

function Head({ order, change }: Fields) {
  const { t } = useSpoken();
  const field = (name: "number" | "style" | "title_ko" | "title_en") => (
    <TextInput label={t(`create.${name}`)} required maxLength={name === "number" ? 64 : 200} value={order[name]} onChange={(event) => { change({ [name]: event.currentTarget.value }); }} />
  );
  return (
    <div className={classes.head}>
      {field("number")}{field("style")}
      <TextInput label={t("create.due")} type="datetime-local" value={order.due} onChange={(event) => { change({ due: event.currentTarget.value }); }} />
      {field("title_ko")}{field("title_en")}
    </div>
  );
}

function Problems({ problems }: { problems: Problem[] }) {
  const { t, name } = useSpoken();
  const say = ({ code, name: row, field, stage }: Problem): string =>
    t(`create_problem.${code}`, { name: row ?? "", field: field ? t(field) : "", stage: stage ? name("stage", stage) : "" });
  return (
    <div role="alert" data-tone="fail" className={classes.problems}>
      <Text fw={700}>{t("create_problem.title")}</Text>
      <ul>{problems.map((problem, index) => <li key={index}>{say(problem)}</li>)}</ul>
    </div>
  );
}

export function NewWorkOrderPage() {
  const { t } = useSpoken();
  const [order, setOrder] = useState(emptyOrder);
  const client = useQueryClient();
  const navigate = useNavigate();
  const change = (part: Partial<TypedOrder>): void => { setOrder((before) => ({ ...before, ...part })); };
  const save = useMutation({
    mutationFn: () => act<WorkOrderCreation>("/work-orders", draftOf(order)),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: keys.workOrders });
      await navigate({ to: "/work-orders/$workOrderId", params: { workOrderId: made.work_order_id } });
    },
  });
  const fields = { order, change };
  const problems = problemsOf(order);
  const [isTried, setTried] = useState(false);
  const submit = (): void => {
    setTried(true);
    if (problems.length === 0) save.mutate();
  };
  return (
    <form noValidate className={classes.form} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <div>
        <Link to="/work-orders" className="k-link">{t("work_orders.title")}</Link>
        <Title order={1}>{t("create.title")}</Title>
      </div>
      <Section title={t("create.head")}><Head {...fields} /></Section>
      <div className={classes.two}>
        <Section title={t("create.steps")}><StepFields {...fields} /></Section>
        <Section title={t("create.pieces")}><SizeFields {...fields} /></Section>
      </div>
      <Section title={t("create.points")} text={t("create.points_text")}><PointFields {...fields} /></Section>
      <Section title={t("create.stitches")}><StitchFields {...fields} /></Section>
      <Section title={t("create.defects")}><DefectFields {...fields} /></Section>
      {isTried && problems.length > 0 ? <Problems problems={problems} /> : save.error ? <Refusal error={save.error} /> : null}
      <Group justify="flex-end">
        <Button type="submit" size="md" disabled={isTried && problems.length > 0} loading={save.isPending}>{t("create.save")}</Button>
      </Group>
    </form>
  );
}
