/** @import { Language, Measurement, Outcome, State, StitchReading, Verdict } from "./types.js" */
import { openNaming } from "./desk.js";
import { icon, make } from "./dom.js";
import { either, say } from "./texts.js";

/**
 * Show a verdict with its numbers.
 *
 * @param {State} state
 * @param {Verdict} verdict
 * @returns {HTMLElement[]}
 */
export function verdictView(state, verdict) {
  const { language } = state;
  const banner = make(
    "div",
    { class: `verdict ${verdict.verdict}` },
    icon(verdict.verdict, "glyph"),
    make("strong", {}, say(language, `outcome.${verdict.verdict}`)),
    ...faults(language, verdict).map((text) => make("span", { class: "fault" }, text)),
    make("span", {}, either(language, verdict.next.ko, verdict.next.en)),
  );
  const parts = [banner];
  if (verdict.reasons.length > 0) parts.push(reasons(language, verdict));
  const tables = [
    { rows: verdict.measurements, view: () => measurements(language, worstFirst(verdict.measurements)) },
    { rows: verdict.stitches, view: () => stitches(language, worstFirst(verdict.stitches)) },
  ].filter(({ rows }) => rows.length > 0);
  const isBad = tables.map(({ rows }) => rows.some((row) => row.outcome !== "PASS"));
  if (isBad[1] && !isBad[0]) tables.reverse();
  parts.push(...tables.map(({ view }) => view()));
  if (verdict.verdict !== "NONE") parts.push(findings(state, verdict), fine(language, verdict));
  return parts;
}

/**
 * Say in a few words what is wrong, the first two of it: the numbers stand below.
 *
 * @param {Language} language
 * @param {Verdict} verdict
 */
function faults(language, verdict) {
  if (verdict.verdict !== "FAIL") return [];
  const seams = verdict.stitches
    .filter((row) => row.outcome === "FAIL")
    .map((row) => named(either(language, row.title_ko, row.title_en) || row.seam, language, row.reason));
  const points = verdict.measurements
    .filter((row) => row.outcome === "FAIL")
    .map((row) => `${either(language, row.title_ko, row.title_en) || row.name} ${deviation(row)} mm`);
  const defects = verdict.findings.length > 0 ? [say(language, "page.findings", { n: verdict.findings.length })] : [];
  return [...seams, ...points, ...defects].slice(0, 2);
}

/** @param {string} title @param {Language} language @param {string} reason */
function named(title, language, reason) {
  return reason ? `${title}: ${say(language, `reason.${reason}`)}` : title;
}

/** @param {Measurement} row */
function deviation(row) {
  if (row.value_mm === null) return "–";
  const away = row.value_mm - row.nominal_mm;
  return `${away < 0 ? "−" : "+"}${Math.abs(away).toFixed(1)}`;
}

/**
 * Failed rows first: the panel may be too low for all.
 *
 * @template {{ outcome: Outcome }} Row
 * @param {Row[]} rows
 * @returns {Row[]}
 */
function worstFirst(rows) {
  return [...rows].sort((a, b) => Number(a.outcome === "PASS") - Number(b.outcome === "PASS"));
}

/** @param {Language} language @param {Verdict} verdict */
function reasons(language, verdict) {
  return make(
    "ul",
    { class: "reasons" },
    ...verdict.reasons.map((one) =>
      make("li", {}, icon("alarm"), either(language, one.ko, one.en)),
    ),
  );
}

/** @param {Language} language @param {Outcome} outcome */
function outcomeMark(language, outcome) {
  return make(
    "span",
    { class: `outcome ${outcome}` },
    icon(outcome),
    make("span", { class: "word" }, say(language, `outcome.${outcome}`)),
  );
}

/** @param {number | null} value @param {number} digits */
function number(value, digits) {
  return value === null ? "–" : value.toFixed(digits);
}

/** @param {number} lower @param {number} upper @param {number} digits */
function tolerance(lower, upper, digits) {
  if (Math.abs(lower + upper) < 1e-9) return `±${upper.toFixed(digits)}`;
  return `${lower.toFixed(digits)} / +${upper.toFixed(digits)}`;
}

/** @param {Language} language @param {string[]} keys */
function head(language, keys) {
  return make("tr", {}, ...keys.map((key) => make("th", {}, key && say(language, key))));
}

/** @param {Language} language @param {string} reason @param {number} columns */
function why(language, reason, columns) {
  if (!reason) return null;
  const cell = make("td", { colspan: String(columns) }, say(language, `reason.${reason}`));
  return make("tr", { class: "why" }, cell);
}

/** @param {Language} language @param {Measurement[]} rows */
function measurements(language, rows) {
  const keys = ["page.point", "page.value", "page.nominal", "page.tolerance", "page.uncertainty"];
  const table = make(
    "table",
    {},
    make("caption", {}, `${say(language, "page.measure")} (mm)`),
    head(language, [...keys, "page.result"]),
  );
  for (const row of rows) {
    const title = either(language, row.title_ko, row.title_en) || row.name;
    table.append(
      make(
        "tr",
        {},
        make("td", {}, title),
        make("td", { class: "value" }, number(row.value_mm, 1)),
        make("td", {}, number(row.nominal_mm, 1)),
        make("td", {}, tolerance(row.lower_mm, row.upper_mm, 1)),
        make("td", {}, row.uncertainty_mm === null ? "–" : `±${number(row.uncertainty_mm, 2)}`),
        make("td", {}, outcomeMark(language, row.outcome)),
      ),
      why(language, row.outcome === "PASS" ? "" : row.reason, 6) ?? "",
    );
  }
  return table;
}

/** @param {Language} language @param {StitchReading[]} rows */
function stitches(language, rows) {
  const keys = ["page.pitch", "page.nominal", "page.evenness", "page.skipped", "page.result"];
  const table = make(
    "table",
    { class: "stacked" },
    make("caption", {}, `${say(language, "page.stitches")} (mm)`),
    head(language, ["page.point", ...keys]),
  );
  for (const row of rows) {
    const title = either(language, row.title_ko, row.title_en) || row.seam;
    const uneven = row.cv_ratio === null ? "–" : `${(row.cv_ratio * 100).toFixed(0)} %`;
    const spread = row.uncertainty_mm === null ? "" : ` ±${number(row.uncertainty_mm, 2)}`;
    table.append(
      make(
        "tr",
        {},
        make("td", {}, title),
        make("td", { class: "value" }, number(row.pitch_mm, 2), make("small", {}, spread)),
        make("td", {}, number(row.nominal_mm, 1), make("small", {}, ` ${tolerance(row.lower_mm, row.upper_mm, 1)}`)),
        make("td", {}, uneven, make("small", {}, ` ≤ ${(row.max_cv_ratio * 100).toFixed(0)} %`)),
        make("td", {}, row.skipped_count === null ? "–" : String(row.skipped_count)),
        make("td", {}, outcomeMark(language, row.outcome)),
      ),
      why(language, row.outcome === "PASS" ? "" : row.reason, 6) ?? "",
    );
  }
  return table;
}

/** @param {State} state @param {Verdict} verdict */
function findings(state, verdict) {
  const { language, desk } = state;
  const count = verdict.findings.length;
  if (count === 0) return make("h2", {}, say(language, "page.no_findings"));
  const list = verdict.findings.slice(0, 5).map((found, index) => {
    const size = found.area_mm2 === null ? `${Math.round(found.area_px)} px²`
      : `${found.area_mm2.toFixed(1)} mm²`;
    const grade = found.severity ? ` · ${say(language, `severity.${found.severity}`)}` : "";
    const ratio = found.confidence_ratio;
    const sure = ratio === null ? "" : ` · ${say(language, "page.confidence", { n: Math.round(ratio * 100) })}`;
    const kind = say(language, `defect.${found.defect_class}`);
    const named = desk?.named[String(index)];
    const word = named ? make("b", {}, say(language, "page.named", { kind: say(language, `defect.${named}`) })) : null;
    const name = desk?.supervises
      ? make("button", { type: "button", class: "small", click: () => openNaming(index) }, say(language, "page.name_finding"))
      : null;
    return make("li", {}, icon("alarm"), make("span", {}, `${kind}${sure} · ${size}${grade}`), word, name);
  });
  return make(
    "div",
    {},
    make("h2", {}, say(language, "page.findings", { n: count })),
    make("ul", { class: "reasons" }, ...list),
  );
}

/** @param {Language} language @param {Verdict} verdict */
function fine(language, verdict) {
  const speed = verdict.scan_to_verdict_ms;
  const anomaly = `${verdict.anomaly_score.toFixed(1)} / ${verdict.threshold_score.toFixed(1)}`;
  return make(
    "div",
    { class: "fine" },
    make("span", {}, `${say(language, "page.anomaly")} ${anomaly}`),
    speed === null ? null : make("span", {}, `${say(language, "page.speed")} ${Math.round(speed)} ms`),
    verdict.bundle ? make("span", {}, verdict.bundle) : null,
  );
}
