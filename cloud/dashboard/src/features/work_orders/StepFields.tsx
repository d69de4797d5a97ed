import { Button, Checkbox, CloseButton, NumberInput, Select, Text, TextInput } from "@mantine/core";

import { useSpoken } from "@/app/language";
import { STAGES, type TypedStep } from "@/features/work_orders/draft";
import type { Fields } from "@/features/work_orders/NewWorkOrderPage";
import classes from "@/features/work_orders/NewWorkOrderPage.module.css";
import { whole } from "@/features/work_orders/typed";

export function StepFields({ order, change }: Fields) {
  const { t, name } = useSpoken();
  const put = (index: number, part: Partial<TypedStep>): void => {
    change({ steps: order.steps.map((step, at) => (at === index ? { ...step, ...part } : step)) });
  };
  return (
    <div className={classes.rows}>
      {order.steps.map((step, index) => (
        <div key={index} className={classes.step}>
          <b>{index + 1}.</b>
          <Select aria-label={t("create.step_stage")} allowDeselect={false} value={step.stage} data={STAGES.map((code) => ({ value: code, label: `${name("stage", code)} (${code})` }))} onChange={(stage) => { if (stage) put(index, { stage }); }} />
          <Checkbox label={t("create.step_check")} checked={step.check} onChange={(event) => { put(index, { check: event.currentTarget.checked }); }} />
          <CloseButton aria-label={t("common.remove")} disabled={order.steps.length === 1} onClick={() => { change({ steps: order.steps.filter((_, at) => at !== index) }); }} />
        </div>
      ))}
      <Button variant="light" onClick={() => { change({ steps: [...order.steps, { stage: "FIN", check: false }] }); }}>{t("create.add_step")}</Button>
    </div>
  );
}

export function SizeFields({ order, change }: Fields) {
  const { t } = useSpoken();
  const total = order.sizes.reduce((sum, { count }) => sum + (count === "" ? 0 : count), 0);
  return (
    <div className={classes.rows}>
      {order.sizes.map((line, index) => (
        <div key={index} className={classes.line} style={{ gridTemplateColumns: "1fr 1fr auto" }}>
          <TextInput label={t("create.size")} required value={line.size} maxLength={20} onChange={(event) => { const size = event.currentTarget.value; change({ sizes: order.sizes.map((one, at) => (at === index ? { ...one, size } : one)) }); }} />
          <NumberInput label={t("create.count")} required clampBehavior="none" min={1} max={2000} allowDecimal={false} value={line.count} onChange={(value) => { change({ sizes: order.sizes.map((one, at) => (at === index ? { ...one, count: whole(value) } : one)) }); }} />
          <CloseButton mb={6} aria-label={t("common.remove")} disabled={order.sizes.length === 1} onClick={() => { change({ sizes: order.sizes.filter((_, at) => at !== index) }); }} />
        </div>
      ))}
      <Button variant="light" onClick={() => { change({ sizes: [...order.sizes, { size: "", count: "" }] }); }}>{t("create.add_size")}</Button>
      <Text fw={600}>{t("create.total", { count: total })}</Text>
    </div>
  );
}
