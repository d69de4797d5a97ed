import { Button, Group, Modal, Select, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { keys } from "@/api/queries";
import type { DecisionOutcome, DecisionRequest, OverrideRequest, Piece, Step } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import classes from "@/features/pieces/PieceDecisions.module.css";
import { SignDrawing } from "@/status/StatusMark";

type Wish = DecisionRequest["decision"] | "OVERRIDE";

interface DialogProps {
  piece: Piece;
  wish: Wish;
  close: () => void;
}

/** Steps that a wish may name: the one to do again, or those whose turn has not come. */
function choices(piece: Piece, wish: Wish): Step[] {
  if (wish === "REWORK") {
    const open = piece.steps.find((step) => step.step_id === piece.open_step_id);
    return piece.steps.filter((step) => !open || step.position <= open.position);
  }
  return wish === "OVERRIDE" ? laterSteps(piece) : [];
}

function laterSteps(piece: Piece): Step[] {
  const open = piece.steps.find((step) => step.step_id === piece.open_step_id);
  return open ? piece.steps.filter((step) => step.position > open.position) : [];
}

function WishDialog({ piece, wish, close }: DialogProps) {
  const { t, say, name } = useSpoken();
  const client = useQueryClient();
  const steps = choices(piece, wish);
  const [stepId, setStepId] = useState(steps.at(-1)?.step_id ?? "");
  const [reason, setReason] = useState("");
  const [instruction, setInstruction] = useState("");
  const at = `/pieces/${encodeURIComponent(piece.piece_id)}`;
  const save = useMutation({
    mutationFn: () => {
      if (wish === "OVERRIDE") {
        const order: OverrideRequest = { step_id: stepId, reason: reason.trim() };
        return act<DecisionOutcome>(`${at}/overrides`, order);
      }
      const told = instruction.trim();
      const decision: DecisionRequest = { decision: wish, reason: reason.trim(), step_id: wish === "REWORK" ? stepId : "", instruction_ko: told, instruction_en: told };
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
  const isReady = reason.trim() !== "" && (steps.length === 0 || stepId !== "");
  return (
    <Modal opened onClose={close} centered title={<b>{name("wish", wish)}</b>} closeButtonProps={{ "aria-label": t("common.close") }}>
      <Stack>
        <Text c="dimmed" fz="sm">{name("wish_text", wish)}</Text>
        {steps.length > 0 ? (
          <Select label={t(wish === "OVERRIDE" ? "wish.early_step" : "design.step")} allowDeselect={false} value={stepId} onChange={(next) => { if (next) setStepId(next); }}
            data={steps.map((step) => ({ value: step.step_id, label: `${step.position}. ${say(step.title_ko, step.title_en) || name("stage", step.stage)}` }))} />
        ) : null}
        <Textarea label={t("common.reason")} data-autofocus required autosize minRows={3} maxLength={500} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
        {wish === "REWORK" ? (
          <Textarea label={t("design.instruction")} autosize minRows={1} maxLength={300} value={instruction} onChange={(event) => { setInstruction(event.currentTarget.value); }} />
        ) : null}
        {save.error ? <Refusal error={save.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button color={wish === "SCRAP" ? "red.8" : "petrol"} disabled={!isReady} loading={save.isPending} onClick={() => { save.mutate(); }}>{name("wish", wish)}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** What the Accountable decides about a piece that is held back, and steps before their turn. */
export function PieceDecisions({ piece }: { piece: Piece }) {
  const { t } = useSpoken();
  const [wish, setWish] = useState<Wish | null>(null);
  const isHeld = piece.state === "QUARANTINE" || piece.state === "ESCALATED";
  const mayOverride = (piece.state === "OPEN" || piece.state === "STARTED" || piece.state === "REWORK") && laterSteps(piece).length > 0;
  return (
    <>
      {isHeld ? (
        <section className={classes.held} data-tone="fail" aria-label={t("state.ESCALATED")}>
          <SignDrawing sign={piece.state === "QUARANTINE" ? "hand" : "up"} size={24} />
          <div>
            <b>{t(piece.state === "QUARANTINE" ? "wish.quarantined" : "wish.escalated")}</b>
            <Text fz="sm">{t("wish.who")}</Text>
          </div>
          <Group gap="sm">
            <Button onClick={() => { setWish("REWORK"); }}>{t("wish.REWORK")}</Button>
            <Button variant="default" onClick={() => { setWish("RELEASE"); }}>{t("wish.RELEASE")}</Button>
            <Button variant="default" onClick={() => { setWish("SCRAP"); }}>{t("wish.SCRAP")}</Button>
          </Group>
        </section>
      ) : null}
      {mayOverride ? (
        <div className={classes.override}>
          <Button variant="subtle" size="compact-sm" onClick={() => { setWish("OVERRIDE"); }}>{t("wish.OVERRIDE")}</Button>
        </div>
      ) : null}
      {wish ? <WishDialog piece={piece} wish={wish} close={() => { setWish(null); }} /> : null}
    </>
  );
}
