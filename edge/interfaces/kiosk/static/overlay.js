/** @import { Outcome, Point, Verdict } from "./types.js" */
/** @typedef {[[number, number], [number, number]]} Ends two ends of a line on the canvas */

/** @type {Record<Outcome, string>} */
const COLOURS = {
  PASS: "#2bd48a",
  FAIL: "#ff5f57",
  REVIEW: "#ffb52e",
  CANNOT_MEASURE: "#a9b4cc",
  NONE: "#2bd48a",
};
const THRESHOLD = 128;
const FAINTEST = 96;

/**
 * Draw findings, measured lines, seams and the map of anomalies over the picture.
 *
 * @param {HTMLCanvasElement} canvas lies exactly over the picture's box
 * @param {Verdict | null} verdict
 * @param {{ heat: boolean, language: "ko" | "en" }} wish
 */
export function drawOverlay(canvas, verdict, wish) {
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const pen = canvas.getContext("2d");
  if (pen === null || verdict === null || !verdict.frame_width_px) return;
  // The picture is shown whole, centred, like `object-fit: contain`.
  const scale = Math.min(
    canvas.width / verdict.frame_width_px,
    canvas.height / verdict.frame_height_px,
  );
  const left = (canvas.width - verdict.frame_width_px * scale) / 2;
  const top = (canvas.height - verdict.frame_height_px * scale) / 2;
  /** @param {Point} point */
  const place = (point) => /** @type {[number, number]} */ ([
    left + (point.x_px + 0.5) * scale,
    top + (point.y_px + 0.5) * scale,
  ]);
  if (wish.heat && verdict.anomaly_map) {
    const heat = heatPicture(verdict.anomaly_map);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(heat, left, top, verdict.frame_width_px * scale, verdict.frame_height_px * scale);
  }
  pen.lineJoin = "round";
  pen.lineCap = "round";
  for (const seam of verdict.stitches) {
    trace(pen, seam.seam_px.map(place), COLOURS[seam.outcome], 3 * ratio, [10 * ratio, 7 * ratio]);
  }
  for (const measured of verdict.measurements) {
    if (!measured.from_px || !measured.to_px) continue;
    /** @type {Ends} */
    const ends = [place(measured.from_px), place(measured.to_px)];
    trace(pen, ends, COLOURS[measured.outcome], 4 * ratio, []);
    caps(pen, ends, COLOURS[measured.outcome], ratio);
    if (measured.value_mm !== null) {
      const title = wish.language === "ko" ? measured.title_ko : measured.title_en;
      const text = `${title || measured.name} ${measured.value_mm.toFixed(1)}`;
      label(pen, labelPlace(ends), text, COLOURS[measured.outcome], ratio);
    }
  }
  for (const found of verdict.findings) {
    const ring = found.polygon_px.map(place);
    const first = ring[0];
    if (first === undefined || ring.length < 3) continue;
    const colour = found.severity === "minor" ? COLOURS.REVIEW : COLOURS.FAIL;
    trace(pen, [...ring, first], colour, 4 * ratio, []);
  }
}

/**
 * Draw a line with a dark rim, so that it shows on any cloth.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {[number, number][]} points
 * @param {string} colour
 * @param {number} width
 * @param {number[]} dash
 */
function trace(pen, points, colour, width, dash) {
  if (points.length < 2) return;
  pen.beginPath();
  points.forEach(([x, y], index) => (index === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y)));
  pen.setLineDash(dash);
  pen.strokeStyle = "#05070dcc";
  pen.lineWidth = width * 2;
  pen.stroke();
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.stroke();
  pen.setLineDash([]);
}

/**
 * Draw the short bars at the ends of a measured line.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {Ends} ends
 * @param {string} colour
 * @param {number} ratio
 */
function caps(pen, ends, colour, ratio) {
  const [[ax, ay], [bx, by]] = ends;
  const length = Math.hypot(bx - ax, by - ay) || 1;
  const nx = (-(by - ay) / length) * 12 * ratio;
  const ny = ((bx - ax) / length) * 12 * ratio;
  for (const [x, y] of ends) {
    trace(pen, [[x - nx, y - ny], [x + nx, y + ny]], colour, 4 * ratio, []);
  }
}

/**
 * Nearer to one end: a length and a width cross in the middle.
 *
 * @param {Ends} ends
 * @returns {[number, number]}
 */
function labelPlace([[ax, ay], [bx, by]]) {
  return [ax + (bx - ax) * 0.26, ay + (by - ay) * 0.26];
}

/**
 * Write a value on a dark plate.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {[number, number]} at
 * @param {string} text
 * @param {string} colour
 * @param {number} ratio
 */
function label(pen, [x, y], text, colour, ratio) {
  // On a phone the picture is small, and so is what is written into it.
  const scale = ratio * Math.max(0.62, Math.min(1, pen.canvas.width / ratio / 620));
  pen.font = `700 ${18 * scale}px ${getComputedStyle(document.body).fontFamily}`;
  const width = pen.measureText(text).width + 20 * scale;
  const height = 32 * scale;
  pen.fillStyle = "#05070de0";
  pen.beginPath();
  pen.roundRect(x - width / 2, y - height / 2, width, height, 10 * scale);
  pen.fill();
  pen.fillStyle = colour;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x, y);
}

/**
 * Colour the small map: transparent where ordinary, amber near the threshold, red above.
 *
 * @param {{ width: number, height: number, base64: string }} map
 * @returns {HTMLCanvasElement}
 */
function heatPicture(map) {
  const values = Uint8Array.from(atob(map.base64), (sign) => sign.charCodeAt(0));
  const canvas = document.createElement("canvas");
  canvas.width = map.width;
  canvas.height = map.height;
  const pen = canvas.getContext("2d");
  if (pen === null) return canvas;
  const picture = pen.createImageData(map.width, map.height);
  for (let i = 0; i < map.width * map.height; i += 1) {
    const value = values[i] ?? 0;
    const above = value >= THRESHOLD;
    const strength = Math.max(0, Math.min(1, (value - FAINTEST) / (THRESHOLD - FAINTEST)));
    picture.data.set([255, above ? 80 : 181, above ? 70 : 46, Math.round(strength * 165)], i * 4);
  }
  pen.putImageData(picture, 0, 0);
  return canvas;
}
