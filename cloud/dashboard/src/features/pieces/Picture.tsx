import { Button, Chip, Group } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { arrivalsQuery } from "@/api/queries";
import type { Inspection, Spec } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { heat, mapBytes, measureLine, middle, outline } from "@/features/pieces/overlay";
import classes from "@/features/pieces/Picture.module.css";
import { pointTitle } from "@/features/pieces/titles";
import { SignDrawing } from "@/status/StatusMark";
import { statusOf } from "@/status/status";

const LAYERS = ["findings", "heat", "measures", "seams"] as const;
type Layer = (typeof LAYERS)[number];

function paintHeat(map: Inspection["anomaly_map"]): string | null {
  const bytes = mapBytes(map.base64, map.width * map.height);
  if (!bytes) return null;
  const canvas = document.createElement("canvas");
  canvas.width = map.width;
  canvas.height = map.height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.putImageData(new ImageData(heat(bytes), map.width, map.height), 0, 0);
  return canvas.toDataURL();
}

function Drawings({ inspection, spec, layers }: { inspection: Inspection; spec: Spec; layers: ReadonlySet<Layer> }) {
  const { name, say } = useSpoken();
  const { frame_width_px: width, frame_height_px: height } = inspection;
  // Line widths and letters follow the frame: the same on the screen for any camera.
  const unit = width / 1000;
  const hot = useMemo(() => paintHeat(inspection.anomaly_map), [inspection.anomaly_map]);
  return (
    <svg className={classes.overlay} viewBox={`0 0 ${width} ${height}`} aria-hidden fontSize={17 * unit}>
      {layers.has("heat") && hot ? <image href={hot} width={width} height={height} preserveAspectRatio="none" opacity={0.75} /> : null}
      {layers.has("seams")
        ? inspection.stitches.map((seam) => (
            <polyline key={seam.seam} data-tone={statusOf(seam.outcome).tone} className={classes.seam} points={outline(seam.seam_px)} strokeWidth={3.2 * unit} strokeDasharray={`${9 * unit} ${5 * unit}`} />
          ))
        : null}
      {layers.has("measures")
        ? inspection.measurements.map((one, index) => {
            const line = measureLine(one.from_px, one.to_px, 9 * unit);
            if (!line) return null;
            return (
              <g key={`${one.name}.${index}`} data-tone={statusOf(one.outcome).tone} className={classes.measure} strokeWidth={2.6 * unit}>
                <line x1={line.x1} y1={line.y1} x2={line.x2} y2={line.y2} />
                <path d={line.marks.join("")} />
                <text x={line.label.x} y={line.label.y} dx={8 * unit} dy={-8 * unit} strokeWidth={5 * unit}>
                  {pointTitle(spec, one.name, say)} {one.value_mm === null ? "" : `${one.value_mm.toFixed(1)} mm`}
                </text>
              </g>
            );
          })
        : null}
      {layers.has("findings")
        ? inspection.findings.map((finding, index) => {
            const at = middle(finding.polygon_px);
            return (
              <g key={index} className={classes.finding} data-tone="fail">
                <polygon points={outline(finding.polygon_px)} strokeWidth={3 * unit} />
                {at ? <text x={at.x} y={at.y} strokeWidth={5 * unit} textAnchor="middle">{name("defect", finding.defect_class)}</text> : null}
              </g>
            );
          })
        : null}
    </svg>
  );
}

/** The picture as the camera took it; what the machine saw is drawn over it, never into it. */
export function Picture({ inspection, spec }: { inspection: Inspection; spec: Spec }) {
  const { t } = useSpoken();
  const [shown, setShown] = useState<Layer[]>(["findings", "measures", "seams"]);
  const [broken, setBroken] = useState("");
  const { picture_sha256: sha256, frame_width_px: width, frame_height_px: height } = inspection;
  const { data: arrivals } = useQuery(arrivalsQuery(sha256));
  const [tries, setTries] = useState(0);
  const address = `/api/v1/media/${sha256}`;
  // Another try needs another address: the browser remembers what failed.
  const attempt = `${sha256}.${arrivals}.${tries}`;
  // It may have arrived between the piece's answer being made and being read: that news finds no piece to correct.
  const hasArrived = inspection.picture_available || arrivals > 0;
  const isThere = hasArrived && broken !== attempt;
  const hasFrame = width > 0 && height > 0;
  return (
    <figure className={classes.figure}>
      <div className={classes.frame} style={{ aspectRatio: hasFrame ? `${width} / ${height}` : "4 / 3" }}>
        {isThere ? (
          <img key={attempt} src={`${address}?width=1600${arrivals + tries > 0 ? `&try=${arrivals}.${tries}` : ""}`} alt={t("picture.alt")} onError={() => { setBroken(attempt); }} />
        ) : (
          <div className={classes.waiting}>
            <SignDrawing sign="dot" size={22} />
            <b>{t(hasArrived ? "picture.broken" : "picture.waiting")}</b>
            <span>{t(hasArrived ? "picture.broken_text" : "picture.waiting_text")}</span>
            {hasArrived ? <Button mt="xs" variant="default" onClick={() => { setTries(tries + 1); }}>{t("error.again")}</Button> : null}
          </div>
        )}
        {hasFrame ? <Drawings inspection={inspection} spec={spec} layers={new Set(shown)} /> : null}
      </div>
      <Group gap="xs" mt="xs" component="figcaption">
        <Chip.Group multiple value={shown} onChange={(next) => { setShown(LAYERS.filter((layer) => next.includes(layer))); }}>
          {LAYERS.map((layer) => <Chip key={layer} value={layer} size="sm" variant="light">{t(`picture.${layer}`)}</Chip>)}
        </Chip.Group>
        {isThere ? <a href={address} target="_blank" rel="noreferrer" className="k-link" style={{ marginLeft: "auto" }}>{t("picture.original")}</a> : null}
      </Group>
    </figure>
  );
}
