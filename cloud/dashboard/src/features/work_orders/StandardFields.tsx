import { Button, CloseButton, Group, NumberInput, Select, TextInput } from "@mantine/core";

import type { Severity } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { newPoint, newStitch, SEVERITIES, SIDES, type Typed, type TypedPoint, type TypedStitch } from "@/features/work_orders/draft";
import type { Fields } from "@/features/work_orders/NewWorkOrderPage";
import classes from "@/features/work_orders/NewWorkOrderPage.module.css";
import { real, whole } from "@/features/work_orders/typed";

function useChecked(order: Fields["order"]): { value: string; label: string }[] {
  const { name } = useSpoken();
  const stages = [...new Set(order.steps.filter((step) => step.check).map((step) => step.stage))];
  return stages.map((stage) => ({ value: stage, label: name("stage", stage) }));
}

interface NumberProps {
  label: string;
  value: Typed;
  put: (value: Typed) => void;
  optional?: boolean;
  min?: number;
  max?: number;
  isWhole?: boolean;
}

function NumberField({ label, value, put, optional, min, max, isWhole }: NumberProps) {
  return (
    <NumberInput label={label} required={!optional} hideControls clampBehavior="none" decimalScale={isWhole ? 0 : 3} value={value} {...(min === undefined ? {} : { min })} {...(max === undefined ? {} : { max })}
      onChange={(next) => { put(isWhole ? whole(next) : real(next)); }} />
  );
}

function SeverityField({ value, put }: { value: Severity | ""; put: (value: Severity) => void }) {
  const { t, name } = useSpoken();
  return (
    <Select label={t("create.severity")} required allowDeselect={false} value={value || null} data={SEVERITIES.map((one) => ({ value: one, label: name("severity", one) }))}
      onChange={(next) => { const found = SEVERITIES.find((one) => one === next); if (found) put(found); }} />
  );
}

export function PointFields({ order, change }: Fields) {
  const { t } = useSpoken();
  const stages = useChecked(order);
  const sizes = [{ value: "", label: t("create.all_sizes") }, ...[...new Set(order.sizes.map(({ size }) => size.trim()).filter(Boolean))].map((size) => ({ value: size, label: size }))];
  const put = (index: number, part: Partial<TypedPoint>): void => {
    change({ points: order.points.map((point, at) => (at === index ? { ...point, ...part } : point)) });
  };
  return (
    <div className={classes.rows}>
      {order.points.map((point, index) => (
        <div key={index} className={classes.card}>
          <Select label={t("create.step_stage")} allowDeselect={false} data={stages} value={point.stage} onChange={(stage) => { if (stage) put(index, { stage }); }} />
          <TextInput label={t("create.point_name")} required maxLength={60} value={point.name} onChange={(event) => { put(index, { name: event.currentTarget.value }); }} />
          <Select label={t("create.size")} allowDeselect={false} data={sizes} value={point.size} onChange={(size) => { put(index, { size: size ?? "" }); }} />
          <Select label={t("create.axis")} allowDeselect={false} value={point.axis} data={[{ value: "length", label: t("create.length") }, { value: "width", label: t("create.width") }]} onChange={(axis) => { put(index, { axis: axis === "width" ? "width" : "length" }); }} />
          <NumberField label={t("create.at")} min={0} max={100} value={point.at_percent} put={(value) => { put(index, { at_percent: value }); }} />
          <NumberField label={t("create.nominal")} min={0} value={point.nominal_mm} put={(value) => { put(index, { nominal_mm: value }); }} />
          <NumberField label={t("create.lower")} max={0} value={point.lower_mm} put={(value) => { put(index, { lower_mm: value }); }} />
          <NumberField label={t("create.upper")} min={0} value={point.upper_mm} put={(value) => { put(index, { upper_mm: value }); }} />
          <NumberField label={t("create.thickness")} min={0} optional value={point.thickness_mm} put={(value) => { put(index, { thickness_mm: value }); }} />
          <SeverityField value={point.severity} put={(severity) => { put(index, { severity }); }} />
          <Group justify="flex-end"><CloseButton aria-label={t("common.remove")} onClick={() => { change({ points: order.points.filter((_, at) => at !== index) }); }} /></Group>
        </div>
      ))}
      <Button variant="light" disabled={stages.length === 0} onClick={() => { change({ points: [...order.points, newPoint(stages[0]?.value ?? "")] }); }}>{t("create.add_point")}</Button>
    </div>
  );
}

export function StitchFields({ order, change }: Fields) {
  const { t } = useSpoken();
  const stages = useChecked(order);
  const put = (index: number, part: Partial<TypedStitch>): void => {
    change({ stitches: order.stitches.map((seam, at) => (at === index ? { ...seam, ...part } : seam)) });
  };
  return (
    <div className={classes.rows}>
      {order.stitches.map((seam, index) => (
        <div key={index} className={classes.card}>
          <Select label={t("create.step_stage")} allowDeselect={false} data={stages} value={seam.stage} onChange={(stage) => { if (stage) put(index, { stage }); }} />
          <TextInput label={t("create.point_name")} required maxLength={60} value={seam.seam} onChange={(event) => { put(index, { seam: event.currentTarget.value }); }} />
          <Select label={t("create.side")} allowDeselect={false} value={seam.side} data={SIDES.map((side) => ({ value: side, label: t(`create.${side}`) }))} onChange={(next) => { const side = SIDES.find((one) => one === next); if (side) put(index, { side }); }} />
          <NumberField label={t("create.inset")} min={0} value={seam.inset_mm} put={(value) => { put(index, { inset_mm: value }); }} />
          <NumberField label={t("create.pitch")} min={0} value={seam.pitch_mm} put={(value) => { put(index, { pitch_mm: value }); }} />
          <NumberField label={t("create.lower")} max={0} value={seam.lower_mm} put={(value) => { put(index, { lower_mm: value }); }} />
          <NumberField label={t("create.upper")} min={0} value={seam.upper_mm} put={(value) => { put(index, { upper_mm: value }); }} />
          <NumberField label={t("create.cv")} min={0} max={100} value={seam.cv_percent} put={(value) => { put(index, { cv_percent: value }); }} />
          <NumberField label={t("create.skipped")} min={0} isWhole value={seam.skipped} put={(value) => { put(index, { skipped: value }); }} />
          <SeverityField value={seam.severity} put={(severity) => { put(index, { severity }); }} />
          <Group justify="flex-end"><CloseButton aria-label={t("common.remove")} onClick={() => { change({ stitches: order.stitches.filter((_, at) => at !== index) }); }} /></Group>
        </div>
      ))}
      <Button variant="light" disabled={stages.length === 0} onClick={() => { change({ stitches: [...order.stitches, newStitch(stages[0]?.value ?? "")] }); }}>{t("create.add_stitch")}</Button>
    </div>
  );
}

export function DefectFields({ order, change }: Fields) {
  const { t } = useSpoken();
  return (
    <div className={classes.line}>
      <NumberField label={t("create.minor_below")} min={0} optional value={order.minor_below_mm2} put={(value) => { change({ minor_below_mm2: value }); }} />
      <NumberField label={t("create.major_from")} min={0} optional value={order.major_from_mm2} put={(value) => { change({ major_from_mm2: value }); }} />
    </div>
  );
}
