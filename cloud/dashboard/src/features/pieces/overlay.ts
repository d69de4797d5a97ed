// Geometry of what is drawn over a picture. Pixel (0, 0) is the centre of the top left pixel,
// SVG's (0, 0) its corner: half a pixel lies between the two.

import type { Point } from "@/api/schema";

const HALF = 0.5;

export function outline(points: readonly Point[]): string {
  return points.map(({ x_px, y_px }) => `${x_px + HALF},${y_px + HALF}`).join(" ");
}

/** The middle of the points' box, for a label. */
export function middle(points: readonly Point[]): { x: number; y: number } | null {
  if (points.length === 0) return null;
  const xs = points.map((point) => point.x_px);
  const ys = points.map((point) => point.y_px);
  return {
    x: (Math.min(...xs) + Math.max(...xs)) / 2 + HALF,
    y: (Math.min(...ys) + Math.max(...ys)) / 2 + HALF,
  };
}

export interface MeasureLine {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  /** Ends of the two end marks, across the line. */
  marks: [string, string];
  label: { x: number; y: number };
}

// Not in the middle: lengths and widths often cross there.
const LABEL_AT = 0.25;

/** A measured distance with end marks `reach_px` long to either side. */
export function measureLine(from: Point | null, to: Point | null, reach_px: number): MeasureLine | null {
  if (!from || !to) return null;
  const [x1, y1, x2, y2] = [from.x_px + HALF, from.y_px + HALF, to.x_px + HALF, to.y_px + HALF];
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length === 0) return null;
  const [nx, ny] = [(-(y2 - y1) / length) * reach_px, ((x2 - x1) / length) * reach_px];
  const mark = (x: number, y: number): string => `M${x - nx} ${y - ny}L${x + nx} ${y + ny}`;
  return { x1, y1, x2, y2, marks: [mark(x1, y1), mark(x2, y2)], label: { x: x1 + LABEL_AT * (x2 - x1), y: y1 + LABEL_AT * (y2 - y1) } };
}

const QUIET = 96;

/**
 * Colour a small map of how unusual each place is: `values` (height · width) bytes → RGBA bytes.
 * What is usual stays clear; from there amber turns red and gets denser.
 */
export function heat(values: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(values.length * 4);
  values.forEach((value, index) => {
    const share = Math.max(0, (value - QUIET) / (255 - QUIET));
    rgba[4 * index] = 255 - 35 * share;
    rgba[4 * index + 1] = 190 * (1 - share) + 30;
    rgba[4 * index + 2] = 40;
    rgba[4 * index + 3] = 225 * Math.sqrt(share);
  });
  return rgba;
}

/** Bytes of base64; null when it is none or its length is not `length`. */
export function mapBytes(base64: string, length: number): Uint8Array | null {
  try {
    const text = atob(base64);
    return text.length === length && length > 0 ? Uint8Array.from(text, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}
