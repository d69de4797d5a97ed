import { Text, Title } from "@mantine/core";

import type { Piece } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { distinctGaps, gapTitle } from "@/features/pieces/titles";

/** What was ordered again, and which gap led to it. */
export function Reworks({ piece }: { piece: Piece }) {
  const { t, say, name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  if (piece.reworks.length === 0) return null;
  return (
    <section className="k-panel" style={{ padding: "1rem 1.2rem" }}>
      <Title order={2}>{t("rework.title")}</Title>
      {piece.reworks.map((rework, index) => (
        <div key={`${rework.at}.${index}`} style={{ marginTop: 12 }}>
          <Text fw={700}>{name("stage", rework.stage)} {t("piece.attempt", { count: rework.attempt })}: {say(rework.instruction_ko, rework.instruction_en) || rework.reason}</Text>
          {distinctGaps(rework.gaps).map((gap, line) => (
            <Text key={line} fz="sm">
              {t("spec.gap", { what: gapTitle(piece.spec, gap, say), field: name("field", gap.field), before: gap.digital_mm ?? "–", after: gap.corrected_mm ?? "–", physical: gap.physical_mm?.toFixed(2) ?? "–" })}
            </Text>
          ))}
          <Text fz="sm" c="dimmed">{rework.reason}</Text>
          <Text fz="sm" c="dimmed">{who(rework.by)} · {full(rework.at)}</Text>
        </div>
      ))}
    </section>
  );
}
