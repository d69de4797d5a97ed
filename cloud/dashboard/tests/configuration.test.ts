import { expect, test } from "vitest";

import type { ConfigurationField } from "@/api/schema";
import { cameraOf, documentIn, documentOf, problemsIn, strangersIn, typedOf, unitOf } from "@/features/stations/fields";

const field = (section: string, name: string, more: Partial<ConfigurationField> = {}): ConfigurationField => ({
  section, name, kind: "number", minimum: null, maximum: null, above_minimum: false, choices: [], pattern: "", ...more,
});
const EXPOSURE = field("camera", "exposure_us", { minimum: 500, maximum: 20_000 });
const WIDTH = field("camera", "width_px", { kind: "integer", minimum: 640, maximum: 4000 });
const HEIGHT = field("camera", "height_px", { kind: "integer", minimum: 480, maximum: 3000 });
const WITH_CAMERA = field("scanning", "with_camera", { kind: "boolean" });
const END = field("kiosk", "shift_end", { kind: "text", pattern: "^([01]\\d|2[0-3]):[0-5]\\d$" });
const FIELDS = [EXPOSURE, WIDTH, HEIGHT, WITH_CAMERA, END];

test("what is typed becomes the document, what is left empty is left out", () => {
  const typed = { "camera.exposure_us": " 8000 ", "camera.width_px": "", "scanning.with_camera": "false", "kiosk.shift_end": "18:30" };
  expect(documentOf(typed, FIELDS)).toEqual({ camera: { exposure_us: 8000 }, scanning: { with_camera: false }, kiosk: { shift_end: "18:30" } });
});

test("a camera is told apart by its kind and by which one it is", () => {
  expect(cameraOf("replay:front")).toEqual({ kind: "replay", which: "front" });
  expect(cameraOf("rtsp:10.0.0.7:554/a")).toEqual({ kind: "rtsp", which: "10.0.0.7:554/a" });
  expect(cameraOf("none")).toEqual({ kind: "none", which: "" });
});

test("a share of the disk is no ratio of a camera", () => {
  expect(unitOf("pictures_max_ratio")).toBe("share");
  expect(unitOf("gain_ratio")).toBe("ratio");
});

test("a document is typed out and back without a change", () => {
  const document = documentIn({ document: '{"camera":{"exposure_us":8000.5},"scanning":{"with_camera":true}}' });
  expect(documentOf(typedOf(document), FIELDS)).toEqual(document);
});

test("a value outside of the camera's range is told with the range", () => {
  expect(problemsIn({ "camera.exposure_us": "20001" }, FIELDS, [])).toEqual({
    "camera.exposure_us": { text: "out_of_range", values: { minimum: 500, maximum: 20_000 } },
  });
  expect(problemsIn({ "camera.exposure_us": "20000" }, FIELDS, [])).toEqual({});
});

test.each([
  ["camera.exposure_us", "bright", "not_a_number"],
  ["camera.width_px", "640.5", "not_whole"],
  ["kiosk.shift_end", "6 pm", "wrong_form"],
])("%s of %s is refused before it is sent", (key, typed, text) => {
  expect(problemsIn({ [key]: typed }, FIELDS, [])[key]?.text).toBe(text);
});

test("width and height go together and name a size that the camera gives", () => {
  const sizes: [number, number][] = [[640, 480], [4000, 3000]];
  expect(problemsIn({ "camera.width_px": "640" }, FIELDS, sizes)["camera.height_px"]?.text).toBe("alone");
  expect(problemsIn({ "camera.width_px": "640", "camera.height_px": "481" }, FIELDS, sizes)["camera.width_px"]?.text).toBe("no_such_size");
  expect(problemsIn({ "camera.width_px": "640", "camera.height_px": "480" }, FIELDS, sizes)).toEqual({});
});

test("a setting that this station does not have is named and not sent", () => {
  const typed = { "camera.focus": "30" };
  expect(strangersIn(typed, FIELDS)).toEqual(["camera.focus"]);
  expect(documentOf(typed, FIELDS)).toEqual({});
});

test("units stand in the names", () => {
  expect(["limit_kib_per_s", "frames_per_s", "capture_timeout_s", "exposure_us", "focus"].map(unitOf)).toEqual(["kib_per_s", "per_s", "s", "us", ""]);
});
