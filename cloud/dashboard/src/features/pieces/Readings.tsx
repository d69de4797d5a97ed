import { Title } from "@mantine/core";

import type { Inspection, Measurement, Piece, StitchReading } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { MarginBar } from "@/features/pieces/MarginBar";
import { plain } from "@/features/pieces/numbers";
import classes from "@/features/pieces/Readings.module.css";
import { pointTitle, seamTitle } from "@/features/pieces/titles";
import { StatusMark } from "@/status/StatusMark";

interface RowProps {
  title: string;
  value: number | null;
  row: Measurement | StitchReading;
  extra: string;
}

function Row({ title, value, row, extra }: RowProps) {
  const { name } = useSpoken();
  return (
    <tr>
      <th scope="row">
        {title}
        <small>{row.severity ? name("severity", row.severity) : ""}</small>
      </th>
      <td>{plain(row.nominal_mm, 1)}</td>
      <td className={classes.value}>
        <b>{plain(value)}</b>
        <small>{row.uncertainty_mm === null ? "" : `± ${row.uncertainty_mm.toFixed(2)}`}</small>
      </td>
      <td><MarginBar outcome={row.outcome} reading={{ ...row, value_mm: value }} /></td>
      <td>
        <StatusMark code={row.outcome} size="sm" />
        {row.reason ? <small>{name("reason", row.reason)}</small> : null}
        {extra ? <small>{extra}</small> : null}
      </td>
    </tr>
  );
}

/** Every number with its tolerance and how sure it is. */
export function Readings({ inspection, piece }: { inspection: Inspection; piece: Piece }) {
  const { t, say, name } = useSpoken();
  const evenness = (one: StitchReading): string =>
    [
      one.cv_ratio === null ? "" : t("reading.cv", { value: (100 * one.cv_ratio).toFixed(1), limit: (100 * one.max_cv_ratio).toFixed(0) }),
      one.skipped_count === null ? "" : t("reading.skipped", { count: one.skipped_count }),
    ].filter(Boolean).join(" · ");
  const isEmpty = inspection.measurements.length + inspection.stitches.length === 0;
  return (
    <section>
      <Title order={2} mb="xs">{t("reading.title")}</Title>
      {isEmpty ? <p className={classes.none}>{t("reading.none")}</p> : (
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th>{t("reading.what")}</th><th>{t("reading.nominal")}</th><th>{t("reading.value")}</th><th>{t("reading.tolerance")}</th><th>{t("reading.outcome")}</th>
              </tr>
            </thead>
            <tbody>
              {inspection.measurements.map((one, index) => <Row key={`m${index}`} title={pointTitle(piece.spec, one.name, say)} value={one.value_mm} row={one} extra="" />)}
              {inspection.stitches.map((one, index) => <Row key={`s${index}`} title={t("reading.pitch", { seam: seamTitle(piece.spec, one.seam, say) })} value={one.pitch_mm} row={one} extra={evenness(one)} />)}
            </tbody>
          </table>
        </div>
      )}
      {inspection.findings.length > 0 ? (
        <ul className={classes.findings} data-tone="fail">
          {inspection.findings.map((finding, index) => (
            <li key={index}>
              <b>{name("defect", finding.defect_class)}</b>
              <span>
                {finding.area_mm2 === null ? t("reading.area_px", { area: Math.round(finding.area_px) }) : t("reading.area", { area: finding.area_mm2.toFixed(0) })}
                {finding.severity ? ` · ${name("severity", finding.severity)}` : ""}
              </span>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
