/** @import { State } from "./types.js" */
import { atDesk, deskButtons, deskMark, deskView, onDeskChange, toggleDesk } from "./desk.js";
import { byId, icon, make } from "./dom.js";
import { setUpKeypad } from "./keypad.js";
import { drawOverlay } from "./overlay.js";
import { actionButtons, panelView } from "./panels.js";
import { act, listen } from "./station.js";
import { either, loadTexts, say } from "./texts.js";

const CAMERA_RETRY_MS = 2000;
const REFUSAL_SHOWN_MS = 12000;
const GRAVE = new Set(["disk_full", "camera_unplugged", "bundle_corrupt", "inspection_unavailable"]);

/** @type {State | null} */
let state = null;
let heat = true;
let refusalTimer = 0;
let shownPanel = "";

const live = /** @type {HTMLImageElement} */ (byId("live"));
const still = /** @type {HTMLImageElement} */ (byId("still"));
const canvas = /** @type {HTMLCanvasElement} */ (byId("overlay"));
const input = /** @type {HTMLInputElement} */ (byId("code"));

/** @param {string} text */
function submit(text) {
  const typed = text.trim();
  input.value = "";
  if (typed) void act("scan", { text: typed });
}

/** @param {State} now */
function showTop(now) {
  const { language, station, worker, link } = now;
  const lights = make(
    "div",
    { class: "links" },
    make("span", { class: `link ${link.broker ? "" : "off"}` }, say(language, "page.link_floor")),
    make("span", { class: `link ${link.cloud ? "" : "off"}` }, say(language, "page.link_cloud")),
    make("span", { class: "link count" }, `${say(language, "page.unsent")} `, make("b", { id: "unsent" }, String(link.unsent))),
  );
  const person = worker
    ? make("span", { class: "worker" }, either(language, worker.name_ko, worker.name_en))
    : make("span", { class: "worker none" }, say(language, "page.worker_none"));
  const other = language === "ko" ? "en" : "ko";
  byId("top").replaceChildren(
    make("span", { class: "station" }, station.name),
    make("span", { class: "stages" }, ...station.stages.map((s) => make("span", { class: "chip" }, say(language, `stage.${s}`)))),
    make("span", { class: "space" }),
    ...(now.bundle ? [make("span", { class: "bundle" }, either(language, now.bundle.ko, now.bundle.en))] : []),
    lights,
    person,
    ...(now.desk?.supervises ? [make("button", { type: "button", class: "plain", id: "desk", click: toggleDesk }, say(language, "page.desk"))] : []),
    ...(worker ? [make("button", { type: "button", class: "plain", click: () => void act("sign-out") }, say(language, "page.sign_out"))] : []),
    make("button", { type: "button", class: "plain", click: () => void act("language", { language: other }) }, say(language, "page.language")),
  );
  document.title = `${station.name} · KYNDOF`;
  document.documentElement.lang = language;
}

/** @param {State} now */
function showAlarms(now) {
  byId("alarms").replaceChildren(
    ...now.alarms.map((alarm) =>
      make(
        "span",
        { class: `alarm ${GRAVE.has(alarm.code) ? "grave" : ""}`, "data-code": alarm.code },
        icon("alarm"),
        either(now.language, alarm.ko, alarm.en),
      ),
    ),
  );
}

/** @param {State} now */
function showPicture(now) {
  const looksLive = now.desk?.teaching ?? now.desk?.calibration;
  const judged = now.phase === "verdict" && now.verdict?.picture_url && !looksLive ? now.verdict : null;
  const off = now.alarms.some((a) => a.code === "camera_unplugged" || a.code === "camera_not_configured");
  still.hidden = judged === null;
  if (judged?.picture_url && still.getAttribute("src") !== judged.picture_url) {
    still.src = judged.picture_url;
  }
  const watching = judged === null && !off;
  live.hidden = !watching;
  // A hidden stream would go on costing the station its processor.
  if (watching && !live.getAttribute("src")) live.src = `/camera.mjpg?at=${Date.now()}`;
  if (!watching) live.removeAttribute("src");
  const note = byId("stage-note");
  note.className = watching ? "live" : off && !judged ? "center" : "";
  note.hidden = judged !== null;
  note.textContent = say(now.language, watching ? "page.live" : "page.camera_off");
  drawOverlay(canvas, judged, { heat, language: now.language });
  const tools = judged?.anomaly_map
    ? [make("button", { type: "button", "aria-pressed": String(heat), click: toggleHeat }, say(now.language, "page.heat"))]
    : [];
  byId("stage-tools").replaceChildren(...tools);
}

function toggleHeat() {
  heat = !heat;
  if (state) showPicture(state);
}

/** @param {State} now */
function showPanel(now) {
  // Rebuilding on every counter would take the button from under the finger.
  const isDesk = atDesk(now);
  const fingerprint = JSON.stringify({ ...now, alarms: [], link: null, spool: 0, bundle: null }) + deskMark();
  if (fingerprint === shownPanel) return;
  shownPanel = fingerprint;
  byId("panel").replaceChildren(...(isDesk ? deskView(now) : panelView(now)));
  byId("actions").replaceChildren(...(isDesk ? deskButtons(now) : actionButtons(now)));
  byId("panel").scrollTop = 0;
  byId("enter").textContent = say(now.language, "page.enter");
  input.placeholder = say(now.language, "page.type_code");
  input.setAttribute("aria-label", input.placeholder);
  clearTimeout(refusalTimer);
  if (now.phase === "refused") {
    refusalTimer = window.setTimeout(() => void act("cancel"), REFUSAL_SHOWN_MS);
  }
}

/** @param {State | null} now */
function show(now) {
  const away = byId("away");
  away.hidden = now !== null;
  if (now === null) {
    away.textContent = say(state?.language ?? "ko", "page.reconnecting");
    live.removeAttribute("src");
    return;
  }
  state = now;
  document.body.dataset.phase = now.phase;
  showTop(now);
  showAlarms(now);
  showPanel(now);
  showPicture(now);
}

function start() {
  const keypad = setUpKeypad(submit);
  byId("scan").addEventListener("submit", (event) => {
    event.preventDefault();
    keypad.close();
    submit(input.value);
  });
  // A scanner types wherever the focus is: send its signs to the input.
  document.addEventListener("keydown", (event) => {
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement instanceof HTMLInputElement) return;
    event.preventDefault();
    input.value += event.key;
    input.focus();
  });
  live.addEventListener("error", () => {
    live.removeAttribute("src");
    setTimeout(() => state && showPicture(state), CAMERA_RETRY_MS);
  });
  onDeskChange(() => state && show(state));
  window.addEventListener("resize", () => state && showPicture(state));
  input.focus();
  listen(show);
}

await loadTexts();
start();
