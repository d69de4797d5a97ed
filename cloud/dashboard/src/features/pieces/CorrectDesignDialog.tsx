import { Button, Group, Modal, NumberInput, Select, Stack, Switch, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { act } from "@/api/client";
import { keys } from "@/api/queries";
import type { DesignCorrection, Inspection, Piece, DecisionOutcome, SpecChange, Step } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { changeables, likelyStep, reworkSteps, specChanges, type Changeable } from "@/features/pieces/design_change";
import classes from "@/features/pieces/CorrectDesignDialog.module.css";

interface Props {
  inspection: Inspection;
  piece: Piece;
  close: () => void;
}

function Gap({ chosen, value }: { chosen: Changeable; value: number }) {
  const { t } = useSpoken();
  return (
    <dl className={classes.gap}>
      <div><dt>{t("design.digital")}</dt><dd>{chosen.value_mm.toFixed(1)} mm</dd></div>
      <div><dt>{t("design.physical")}</dt><dd>{chosen.measured_mm === null ? "–" : `${chosen.measured_mm.toFixed(2)} mm`}</dd></div>
      <div><dt>{t("design.corrected")}</dt><dd><b>{value.toFixed(1)} mm</b></dd></div>
    </dl>
  );
}

interface ChangeProps {
  choices: readonly Changeable[];
  chosen: Changeable;
  choose: (key: string | null) => void;
  value: number;
  setValue: (value: number) => void;
  isLocked: boolean;
}

function ChangeFields({ choices, chosen, choose, value, setValue, isLocked }: ChangeProps) {
  const { t, say, name } = useSpoken();
  const data = choices.map((one) => ({
    value: one.key,
    label: `${say(one.title_ko, one.title_en) || one.name} · ${name("field", one.field)}${one.hasFailed ? ` (${t("state.FAIL")})` : ""}`,
  }));
  return (
    <>
      <Group grow align="flex-start">
        <Select label={t("design.what")} allowDeselect={false} disabled={isLocked} value={chosen.key} onChange={choose} data={data} />
        <NumberInput
          label={t("design.new_value")}
          disabled={isLocked}
          suffix=" mm"
          min={0.1}
          step={chosen.kind === "stitch" ? 0.1 : 0.5}
          decimalScale={2}
          value={value}
          onChange={(next) => { setValue(Number(next)); }}
          error={value === chosen.value_mm ? t("design.same") : null}
        />
      </Group>
      <Gap chosen={chosen} value={value} />
    </>
  );
}

/** What is sent to the cloud; empty instructions are those of the new spec. */
function reworkOrder(stepId: string, inspection: Inspection, reason: string, told: string, correction: DesignCorrection | null) {
  return {
    step_id: stepId,
    inspection_id: inspection.inspection_id,
    reason,
    instruction_ko: told || (correction?.instruction_ko ?? ""),
    instruction_en: told || (correction?.instruction_en ?? ""),
    spec_version: correction?.spec_version ?? "",
  };
}

function likelyId(steps: readonly Step[], one: Changeable | undefined): string {
  return likelyStep(steps, one?.kind)?.step_id ?? "";
}

function startOf(first: Changeable | undefined): number {
  return first ? first.value_mm : 0;
}

function isChange(chosen: Changeable | undefined, value: number): boolean {
  return chosen !== undefined && value > 0 && value !== chosen.value_mm;
}

interface Wish {
  changes: SpecChange[];
  stepId: string;
  reason: string;
  instruction: string;
}

/** Change the design if wished, then order the rework by the new version. */
function useCorrection({ inspection, piece, close }: Props) {
  const client = useQueryClient();
  // A refused rework must not change the design a second time.
  const [made, setMade] = useState<DesignCorrection | null>(null);
  const save = useMutation({
    mutationFn: async ({ changes, stepId, reason, instruction }: Wish) => {
      let correction = made;
      if (changes.length > 0 && !correction) {
        correction = await act<DesignCorrection>(`/specs/${encodeURIComponent(piece.spec.spec_version)}/corrections`, {
          changes,
          reason,
          inspection_id: inspection.inspection_id,
        });
        setMade(correction);
      }
      const order = reworkOrder(stepId, inspection, reason, instruction, correction);
      const at = `/pieces/${encodeURIComponent(piece.piece_id)}`;
      // Beyond the limit and in quarantine the Accountable decides; the cloud judges who that is.
      if (piece.state !== "QUARANTINE" && piece.state !== "ESCALATED") return act<DecisionOutcome>(`${at}/rework`, order);
      const { step_id, instruction_ko, instruction_en, spec_version } = order;
      const decision = { decision: "REWORK", step_id, reason, instruction_ko, instruction_en, spec_version };
      return act<DecisionOutcome>(`${at}/decision`, decision);
    },
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.piece(piece.piece_id) }),
        client.invalidateQueries({ queryKey: keys.workOrder(piece.work_order_id) }),
      ]);
      close();
    },
  });
  return { save, made };
}

/** A refused rework does not undo the design's new version: it says that there is one. */
function NotSaved({ error, made }: { error: Error; made: DesignCorrection | null }) {
  const { t } = useSpoken();
  return (
    <>
      {made ? <Text fz="sm">{t("design.made", { version: made.version_number })}</Text> : null}
      <Refusal error={error} />
    </>
  );
}

function isComplete(reason: string, stepId: string): boolean {
  return reason.trim() !== "" && stepId !== "";
}

/** The designer's correction and the rework that follows it, in one act. */
export function CorrectDesignDialog({ inspection, piece, close }: Props) {
  const { t, say, name } = useSpoken();
  const choices = useMemo(() => changeables(piece, inspection), [piece, inspection]);
  const steps = useMemo(() => reworkSteps(piece.steps, inspection), [piece, inspection]);
  const [changes, setChanges] = useState(choices.length > 0);
  const first = choices[0];
  const [key, setKey] = useState(first?.key);
  const chosen = choices.find((one) => one.key === key);
  const [value, setValue] = useState(startOf(first));
  const [stepId, setStepId] = useState(() => likelyId(steps, first));
  const [reason, setReason] = useState("");
  const [instruction, setInstruction] = useState("");
  const { save, made } = useCorrection({ inspection, piece, close });

  const choose = (next: string | null): void => {
    const one = choices.find((choice) => choice.key === next);
    if (!one) return;
    setKey(one.key);
    setValue(one.value_mm);
    setStepId(likelyId(steps, one));
  };
  const send = (): void => {
    const wished = changes && chosen ? specChanges(chosen, value) : [];
    save.mutate({ changes: wished, stepId, reason: reason.trim(), instruction: instruction.trim() });
  };
  const isReady = isComplete(reason, stepId) && (!changes || isChange(chosen, value));
  const isLocked = made !== null;
  return (
    <Modal opened onClose={close} centered size="lg" title={<b>{t("design.title")}</b>} closeButtonProps={{ "aria-label": t("common.close") }}>
      <Stack>
        <Switch label={t("design.change")} checked={changes} disabled={choices.length === 0 || isLocked} onChange={(event) => { setChanges(event.currentTarget.checked); }} />
        {changes && chosen ? (
          <ChangeFields choices={choices} chosen={chosen} choose={choose} value={value} setValue={setValue} isLocked={isLocked} />
        ) : null}
        <Select label={t("design.step")} allowDeselect={false} value={stepId} onChange={(next) => { if (next) setStepId(next); }}
          data={steps.map((step) => ({ value: step.step_id, label: `${step.position}. ${say(step.title_ko, step.title_en) || name("stage", step.stage)}` }))} />
        <Textarea label={t("common.reason")} required autosize minRows={2} maxLength={500} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
        <Textarea label={t("design.instruction")} description={t("design.instruction_text")} autosize minRows={1} maxLength={300} value={instruction} onChange={(event) => { setInstruction(event.currentTarget.value); }} />
        {save.error ? <NotSaved error={save.error} made={made} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button disabled={!isReady} loading={save.isPending} onClick={send}>
            {t(changes ? "design.save" : "design.save_rework")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
