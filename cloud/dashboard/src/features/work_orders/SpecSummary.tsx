import { Table, Text, Title } from "@mantine/core";

import type { Spec, WorkOrder } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { signed } from "@/features/pieces/numbers";
import { distinctGaps, gapTitle } from "@/features/pieces/titles";
import classes from "@/features/work_orders/WorkOrderPage.module.css";

interface Line {
  key: string;
  what: string;
  nominal: number;
  lower: number | null;
  upper: number | null;
  severity: string;
}

function lines(spec: Spec, say: (ko: string, en: string) => string, stageName: (stage: string) => string): Line[] {
  return spec.stages.flatMap((stage) => [
    ...stage.points.map((point) => ({
      key: `${stage.stage}.${point.name}.${point.size}`,
      what: `${stageName(stage.stage)} · ${say(point.title_ko, point.title_en) || point.name}${point.size ? ` (${point.size})` : ""}`,
      nominal: point.nominal_mm,
      lower: point.lower_mm,
      upper: point.upper_mm,
      severity: point.severity ?? "",
    })),
    ...stage.stitches.map((seam) => ({
      key: `${stage.stage}.${seam.seam}`,
      what: `${stageName(stage.stage)} · ${say(seam.title_ko, seam.title_en) || seam.seam}`,
      nominal: seam.pitch_mm,
      lower: seam.lower_mm,
      upper: seam.upper_mm,
      severity: seam.severity ?? "",
    })),
  ]);
}

/** What pieces are judged by, and how that changed. */
export function SpecSummary({ order }: { order: WorkOrder }) {
  const { t, say, name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const spec = order.specs.find((one) => one.spec_version === order.spec_version);
  const versions = order.specs.filter((one) => one.based_on !== "").reverse();
  return (
    <section className={`${classes.box ?? ""} k-panel`}>
      <Title order={2}>{t("spec.title")}</Title>
      {spec ? (
        <Table mt="sm">
          <Table.Thead>
            <Table.Tr><Table.Th>{t("spec.point")}</Table.Th><Table.Th>{t("spec.nominal")}</Table.Th><Table.Th>{t("spec.tolerance")}</Table.Th><Table.Th>{t("spec.severity")}</Table.Th></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {lines(spec, say, (stage) => name("stage", stage)).map((line) => (
              <Table.Tr key={line.key}>
                <Table.Td>{line.what}</Table.Td>
                <Table.Td fw={650}>{line.nominal.toFixed(1)} mm</Table.Td>
                <Table.Td>{signed(line.lower)} … {signed(line.upper)}</Table.Td>
                <Table.Td>{line.severity ? name("severity", line.severity) : "–"}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      ) : <Text c="dimmed">{t("spec.none")}</Text>}
      {versions.map((one) => (
        <div key={one.spec_version} style={{ borderTop: "1px solid var(--k-line)", paddingTop: 10, marginTop: 10 }}>
          <Text fw={650}>v{one.version_number}: {one.reason}</Text>
          {distinctGaps(one.gaps).map((gap, index) => (
            <Text key={index} fz="sm">{t("spec.gap", { what: gapTitle(one, gap, say), field: name("field", gap.field), before: gap.digital_mm ?? "–", after: gap.corrected_mm ?? "–", physical: gap.physical_mm?.toFixed(2) ?? "–" })}</Text>
          ))}
          <Text fz="sm" c="dimmed">{who(one.created_by)} · {full(one.created_at)}</Text>
        </div>
      ))}
    </section>
  );
}
