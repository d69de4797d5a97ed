import { useSpoken } from "@/app/language";
import { layMargin, type Reading } from "@/features/pieces/margin";
import classes from "@/features/pieces/MarginBar.module.css";
import { signed } from "@/features/pieces/numbers";
import { statusOf } from "@/status/status";

const percent = (value: number): string => `${value.toFixed(2)}%`;

/** The tolerance with its guard bands, and the reading with its uncertainty on it. */
export function MarginBar({ reading, outcome }: { reading: Reading; outcome: string }) {
  const { t } = useSpoken();
  const margin = layMargin(reading);
  const deviation = reading.value_mm === null ? null : reading.value_mm - reading.nominal_mm;
  return (
    <div
      className={classes.bar}
      data-tone={statusOf(outcome).tone}
      role="img"
      aria-label={t("reading.margin", {
        lower: signed(reading.lower_mm, 2),
        upper: signed(reading.upper_mm, 2),
        deviation: signed(deviation, 2),
        uncertainty: reading.uncertainty_mm?.toFixed(2) ?? "–",
      })}
    >
      <svg width="100%" height="30" aria-hidden>
        <rect className={classes.out} x="0" y="10" width="100%" height="10" rx="5" />
        <rect className={classes.guard} x={percent(margin.lower)} y="10" width={percent(margin.upper - margin.lower)} height="10" />
        <rect className={classes.sure} x={percent(margin.sureFrom)} y="10" width={percent(margin.sureTo - margin.sureFrom)} height="10" />
        <line className={classes.limit} x1={percent(margin.lower)} x2={percent(margin.lower)} y1="5" y2="25" />
        <line className={classes.limit} x1={percent(margin.upper)} x2={percent(margin.upper)} y1="5" y2="25" />
        {margin.value !== null && margin.from !== null && margin.to !== null ? (
          <>
            <line className={classes.whisker} x1={percent(margin.from)} x2={percent(margin.to)} y1="15" y2="15" />
            <line className={classes.whisker} x1={percent(margin.from)} x2={percent(margin.from)} y1="10" y2="20" />
            <line className={classes.whisker} x1={percent(margin.to)} x2={percent(margin.to)} y1="10" y2="20" />
            <circle className={classes.value} cx={percent(margin.value)} cy="15" r="5.5" />
          </>
        ) : null}
      </svg>
      <span style={{ left: percent(margin.lower) }}>{signed(reading.lower_mm)}</span>
      <span style={{ left: percent(margin.upper) }}>{signed(reading.upper_mm)}</span>
    </div>
  );
}
