/** @import { Calibration, Desk, Language, State, Teaching } from "./types.js" */
import { icon, make } from "./dom.js";
import { actAtDesk } from "./station.js";
import { either, say } from "./texts.js";

/** @typedef {{ open: boolean, page: "menu" | "teach" | "calibrate" | "thickness", naming: number | null }} DeskWish */

/** What the supervisor looks at; the station knows only what runs. @type {DeskWish} */
const wish = { open: false, page: "menu", naming: null };
let redraw = () => {};
let told = "";

/** @param {() => void} again called when the desk shows something else */
export function onDeskChange(again) {
  redraw = again;
}

/** @param {Partial<DeskWish>} change */
function go(change) {
  Object.assign(wish, change);
  told = "";
  redraw();
}

/** Open the desk's menu, or leave it. */
export function toggleDesk() {
  if (wish.open) void leave();
  else go({ open: true, page: "menu", naming: null });
}

async function leave() {
  await actAtDesk("close");
  go({ open: false, page: "menu", naming: null });
}

/** @param {number} index of the finding that shall get a name */
export function openNaming(index) {
  go({ naming: index });
}

/**
 * Press a button of the desk; what is refused is told on its page.
 *
 * @param {Language} language
 * @param {string} act
 * @param {Record<string, string>} [body]
 */
async function press(language, act, body = {}) {
  const refused = await actAtDesk(act, body);
  told = refused ? either(language, refused.message_ko, refused.message_en) : "";
  redraw();
  return !refused;
}

/**
 * @param {State} state
 * @returns {boolean} whether the panel belongs to the desk now
 */
export function atDesk(state) {
  const { desk } = state;
  if (!desk?.supervises) {
    wish.open = false;
    wish.naming = null;
    return false;
  }
  if (wish.naming !== null && state.phase !== "verdict") wish.naming = null;
  return wish.open || wish.naming !== null;
}

/** @returns {string} what is shown, so that the page can tell a change */
export function deskMark() {
  return JSON.stringify([wish, told]);
}

/**
 * @param {State} state
 * @returns {Node[]}
 */
export function deskView(state) {
  const { language, desk } = state;
  if (!desk) return [];
  const warning = told ? [make("p", { class: "desk-told", role: "alert" }, icon("alarm"), told)] : [];
  if (wish.naming !== null) return [...warning, ...namingView(state, desk, wish.naming)];
  if (desk.calibration) return [...calibrationView(language, desk.calibration), ...warning];
  if (desk.teaching) return [...teachingView(language, desk.teaching), ...warning];
  if (wish.page === "teach") return [...choiceView(language, "teach_choose", styleButtons(language, desk)), ...warning];
  if (wish.page === "calibrate") {
    return [...choiceView(language, "calibrate_choose", boardButtons(language, desk)), ...warning];
  }
  if (wish.page === "thickness") return [...choiceView(language, "thickness_choose", thicknessRows(language, desk)), ...warning];
  return [
    ...choiceView(language, "desk_choose", [
      button(say(language, "page.teach"), () => go({ page: "teach" })),
      button(say(language, "page.calibrate"), () => go({ page: "calibrate" })),
      button(say(language, "page.gauge"), () => void press(language, "gauge")),
      button(say(language, "page.thickness"), () => go({ page: "thickness" })),
    ]),
    ...warning,
  ];
}

/**
 * @param {State} state
 * @returns {HTMLElement[]}
 */
export function deskButtons(state) {
  const { language, desk } = state;
  if (!desk) return [];
  const back = (/** @type {() => void} */ click) => button(say(language, "page.back"), click, "plain");
  if (wish.naming !== null) return [back(() => go({ naming: null }))];
  const away = button(say(language, "page.desk_close"), () => void leave(), "plain");
  const { teaching, calibration } = desk;
  if (calibration) {
    if (calibration.phase === "working") return [];
    const stop = back(() => void press(language, "close"));
    const gauge = button(say(language, "page.gauge"), () => void press(language, "gauge"));
    if (calibration.phase !== "views") return [stop, gauge];
    const take = button(say(language, "page.calibrate_take"), () => void press(language, "calibrate-take"), "primary");
    if (calibration.views_count < calibration.least_count) return [stop, take];
    const finish = button(say(language, "page.calibrate_finish"), () => void press(language, "calibrate-finish"), "go");
    return [stop, take, finish];
  }
  if (teaching) {
    if (teaching.phase === "learning") return [];
    const stop = back(() => void press(language, "close"));
    if (teaching.phase === "taught") return [stop];
    const take = button(say(language, "page.teach_take"), () => void press(language, "teach-take"), "primary big");
    if (teaching.taken_count < teaching.least_count) return [stop, take];
    return [stop, take, button(say(language, "page.teach_learn"), () => void press(language, "teach-learn"), "go")];
  }
  return wish.page === "menu" ? [away] : [back(() => go({ page: "menu" }))];
}

/** @param {string} text @param {() => void} click @param {string} [kind] */
function button(text, click, kind = "") {
  return make("button", { type: "button", class: kind, click }, text);
}

/** @param {Language} language @param {string} key @param {Node[]} choices */
function choiceView(language, key, choices) {
  return [make("h1", {}, say(language, `page.${key}`)), make("div", { class: "choices" }, ...choices)];
}

/** @param {Language} language @param {Desk} desk */
function styleButtons(language, desk) {
  if (desk.styles.length === 0) return [make("p", { class: "lead" }, say(language, "page.no_styles"))];
  return desk.styles.map((style) => button(style, () => void press(language, "teach-begin", { style })));
}

/** @param {Language} language @param {Desk} desk */
function thicknessRows(language, desk) {
  if (desk.styles.length === 0) return [make("p", { class: "lead" }, say(language, "page.no_styles"))];
  return desk.styles.map((style) => {
    const known = desk.thickness_mm[style];
    const input = /** @type {HTMLInputElement} */ (make("input", {
      type: "text", inputmode: "decimal", maxlength: "6", autocomplete: "off", value: known === undefined ? "" : String(known),
      "aria-label": say(language, "page.thickness_of", { style }),
    }));
    const save = button(say(language, "page.thickness_save"), () => void press(language, "set-thickness", { style, thickness_mm: input.value }), "primary");
    return make("div", { class: "thickness" }, make("b", {}, style), input, make("span", {}, "mm"), save);
  });
}

/** @param {Language} language @param {Desk} desk */
function boardButtons(language, desk) {
  return desk.boards.map((board) =>
    make(
      "div",
      { class: "board-choice" },
      button(board, () => void press(language, "calibrate-begin", { board })),
      make("a", { href: `/desk/board/${board}.pdf`, target: "_blank", rel: "noopener" }, say(language, "page.print")),
    ),
  );
}

/** @param {number} done @param {number} goal */
function bar(done, goal) {
  const share = Math.min(100, Math.round((100 * done) / goal));
  const inner = make("i");
  inner.style.setProperty("inline-size", `${share}%`);
  return make("div", { class: "progress", role: "progressbar", "aria-valuenow": String(share) }, inner);
}

/** @param {[string, string][]} rows */
function facts(rows) {
  const table = make("table", { class: "desk-facts" });
  for (const [name, value] of rows) table.append(make("tr", {}, make("td", {}, name), make("td", { class: "value" }, value)));
  return table;
}

/** @param {Language} language @param {Teaching} teaching */
function teachingView(language, teaching) {
  const title = make("h1", {}, `${say(language, "page.teach")} · ${teaching.style}`);
  if (teaching.phase === "learning") {
    return [title, make("p", { class: "lead" }, say(language, "page.learning")), make("p", { class: "hint" }, say(language, "page.learning_hint"))];
  }
  if (teaching.phase === "taught" && teaching.taught) {
    const { taught } = teaching;
    return [
      title,
      make("div", { class: "verdict PASS" }, icon("PASS", "glyph"), make("strong", {}, say(language, "page.taught")), make("span", {}, say(language, "page.taught_hint"))),
      facts([
        [say(language, "page.taught_pieces"), String(taught.piece_count)],
        [say(language, "page.taught_overkill"), `${(taught.overkill_ratio * 100).toFixed(1)} %`],
        [say(language, "page.taught_threshold"), taught.threshold_score.toFixed(2)],
        [say(language, "page.taught_time"), say(language, "page.seconds", { n: taught.elapsed_s.toFixed(1) })],
        [say(language, "page.taught_size"), `${(taught.size_bytes / 1024).toFixed(1)} KB`],
      ]),
    ];
  }
  const parts = [
    title,
    make("p", { class: "lead" }, say(language, "page.teach_hint")),
    make("h2", {}, say(language, "page.taken", { n: teaching.taken_count, wanted: teaching.wanted_count })),
    bar(teaching.taken_count, teaching.wanted_count),
    make("p", { class: "hint" }, say(language, "page.teach_least", { n: teaching.least_count })),
  ];
  if (teaching.problem) {
    parts.push(make("p", { class: "desk-told" }, icon("alarm"), `${say(language, "page.teach_failed")}: ${either(language, teaching.problem.ko, teaching.problem.en)}`));
  }
  if (teaching.refused_count > 0) {
    parts.push(
      make("h2", {}, say(language, "page.teach_refused", { n: teaching.refused_count })),
      make("ul", { class: "reasons" }, ...teaching.refused.map((one) => make("li", {}, icon("alarm"), either(language, one.ko, one.en)))),
    );
  }
  return parts;
}

/** @param {Language} language @param {Calibration} now */
function calibrationView(language, now) {
  const board = now.board ? make("small", { class: "chip" }, now.board) : null;
  const title = make("h1", {}, `${say(language, now.board ? "page.calibrate" : "page.gauge")} `, board);
  const parts = [title];
  if (now.phase === "working") return [title, make("p", { class: "lead" }, say(language, "page.computing"))];
  if (now.phase === "made" && now.made) {
    const { made } = now;
    parts.push(
      make("div", { class: "verdict PASS" }, icon("PASS", "glyph"), make("strong", {}, say(language, "page.made")), make("span", {}, say(language, "page.made_hint"))),
      facts([
        [say(language, "page.calibration_id"), made.calibration_id],
        [say(language, "page.made_at"), new Date(made.made_at).toLocaleString(language)],
        [say(language, "page.rms"), `${made.rms_px.toFixed(3)} px`],
        [say(language, "page.views"), String(made.views_count)],
        [say(language, "page.coverage"), `${Math.round(made.coverage_ratio * 100)} %`],
        [say(language, "page.residual"), `${made.residual_px.toFixed(3)} px`],
        [say(language, "page.camera_height"), `${made.camera_height_mm.toFixed(0)} mm`],
        ...(made.check_mm === null ? [] : [/** @type {[string, string]} */ ([say(language, "page.check"), `${made.check_mm.toFixed(2)} mm`])]),
      ]),
    );
  } else if (now.phase === "views") {
    parts.push(
      make("p", { class: "lead" }, say(language, "page.calibrate_hint")),
      make("h2", {}, `${say(language, "page.views")} ${say(language, "page.taken", { n: now.views_count, wanted: now.wanted_count })}`),
      bar(now.views_count, now.wanted_count),
      ...(now.refusal ? [warningOf(language, now.refusal)] : []),
      make("div", { class: "coverage", role: "img", "aria-label": say(language, "page.coverage") },
        ...now.fields.flat().map((hit) => make("i", { class: hit ? "hit" : "" }))),
    );
    if (now.flat) parts.push(make("p", { class: "hint" }, say(language, "page.flat_done")));
    else if (now.views_count >= now.least_count) {
      const flat = button(say(language, "page.calibrate_flat"), () => void press(language, "calibrate-flat"));
      parts.push(make("div", { class: "choices" }, flat));
    }
  } else {
    parts.push(make("p", { class: "lead" }, say(language, "page.gauge_hint")));
  }
  if (now.gauge) {
    const { gauge } = now;
    parts.push(
      make("div", { class: `verdict ${gauge.passed ? "PASS" : "FAIL"}` }, icon(gauge.passed ? "PASS" : "FAIL", "glyph"),
        make("strong", {}, say(language, gauge.passed ? "page.gauge_passed" : "page.gauge_failed"))),
      facts([
        [say(language, "page.gauge_length"), `${gauge.length_mm.toFixed(1)} mm`],
        [say(language, "page.gauge_measured"), `${gauge.measured_mm.toFixed(2)} mm`],
        [say(language, "page.gauge_error"), `${gauge.error_mm.toFixed(2)} mm`],
      ]),
    );
  }
  if (now.refusal && now.phase !== "views") parts.push(warningOf(language, now.refusal));
  return parts;
}

/** @param {Language} language @param {{ ko: string, en: string }} why */
function warningOf(language, why) {
  return make("p", { class: "desk-told", role: "alert" }, icon("alarm"), make("span", {}, either(language, why.ko, why.en)));
}

/** @param {State} state @param {Desk} desk @param {number} index */
function namingView(state, desk, index) {
  const { language } = state;
  const save = (/** @type {string} */ kind) => void (async () => {
    if (await press(language, "name-finding", { index: String(index), kind })) go({ naming: null });
  })();
  const known = new Map(desk.kinds.map(({ kind, count }) => [kind, count]));
  const usual = ["hole", "stain", "snag", "broken_end", "broken_pick", "loose_thread"];
  const kinds = [...new Set([...known.keys(), ...usual])];
  const buttons = kinds.map((kind) => {
    const count = known.get(kind) ?? 0;
    const missing = desk.fewest_count - count;
    const note = missing > 0 ? say(language, "page.kind_waiting", { n: missing }) : say(language, "page.kind_count", { n: count });
    return make("button", { type: "button", click: () => save(kind) }, say(language, `defect.${kind}`), make("small", {}, note));
  });
  const unname = async () => {
    if (await press(language, "unname-finding", { index: String(index) })) go({ naming: null });
  };
  const taken = desk.named[String(index)] ? [button(say(language, "page.name_back"), () => void unname())] : [];
  const input = /** @type {HTMLInputElement} */ (make("input", { id: "kind", type: "text", maxlength: "40", autocomplete: "off", placeholder: say(language, "page.name_other") }));
  return [
    make("h1", {}, say(language, "page.name_title")),
    make("div", { class: "choices kinds" }, ...buttons),
    make("div", { class: "kind-other" }, input, button(say(language, "page.name_save"), () => save(input.value), "primary")),
    ...taken,
  ];
}
