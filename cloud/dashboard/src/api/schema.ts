// What the cloud's REST answers look like. Field names are those of the cloud's views.

export type Verdict = "PASS" | "FAIL" | "REVIEW";
export type Outcome = Verdict | "CANNOT_MEASURE";
export type Severity = "critical" | "major" | "minor";
export type PieceState =
  | "OPEN"
  | "STARTED"
  | "REVIEW"
  | "REWORK"
  | "DONE"
  | "QUARANTINE"
  | "ESCALATED"
  | "SCRAPPED";

export interface Person {
  user_id: string;
  login: string;
  name_ko: string;
  name_en: string;
  badge: string;
}

export interface Me {
  organization_id: string;
  organization_code: string;
  organization_name_ko: string;
  organization_name_en: string;
  person: Person;
}

export interface Snapshot {
  worker: string;
  piece_id: string;
  step_id?: string;
  phase: string;
  alarms: string[];
  finished_count: number;
  failed_count: number;
  camera: string;
  bundle: string;
}

export interface CurrentPiece {
  piece_id: string;
  number: number;
  work_order_id: string;
  work_order_number: string;
  title_ko: string;
  title_en: string;
  step_id: string;
  stage: string;
  attempt: number;
  state: string;
  worker: string;
  started_at: string;
}

export interface FloorStation {
  station_id: string;
  name: string;
  title_ko: string;
  title_en: string;
  stages: string[];
  enrolled: boolean;
  online: boolean;
  last_seen_at: string | null;
  snapshot: Snapshot | null;
  current_piece: CurrentPiece | null;
  // Kept by this page from events; the cloud does not send it.
  last_result?: StationResult;
}

export interface StationResult {
  verdict: string;
  piece_id: string;
  piece_number: number;
  work_order_number: string;
  stage: string;
  at: string;
}

export interface FloorCounts {
  open_count: number;
  started_count: number;
  review_count: number;
  rework_count: number;
  quarantine_count: number;
  escalated_count: number;
  done_count: number;
  scrapped_count: number;
  finished_today_count: number;
  failed_today_count: number;
}

export interface Floor {
  stations: FloorStation[];
  counts: FloorCounts;
  sequence: number;
}

export interface WorkOrderSummary {
  work_order_id: string;
  number: string;
  title_ko: string;
  title_en: string;
  style: string;
  spec_version: string;
  due_at: string | null;
  created_at: string;
  pieces_count: number;
  done_count: number;
  waiting_count: number;
}

export interface WorkOrderPage {
  items: WorkOrderSummary[];
  next_cursor: string;
}

export interface Step {
  step_id: string;
  position: number;
  stage: string;
  title_ko: string;
  title_en: string;
  requires_quality_check: boolean;
}

export interface Cell {
  step_id: string;
  state: string;
  attempt: number;
  verdict: string;
  started_at: string | null;
  finished_at: string | null;
  worker: string;
  station_name: string;
}

export interface PieceLine {
  piece_id: string;
  number: number;
  size: string;
  state: PieceState;
  open_stage: string;
  attempt: number;
  spec_version: string;
  instruction_ko: string;
  instruction_en: string;
  cells: Cell[];
}

export interface PointOfMeasure {
  name: string;
  title_ko: string;
  title_en: string;
  size: string;
  axis: "length" | "width";
  at_ratio: number;
  nominal_mm: number;
  lower_mm: number | null;
  upper_mm: number | null;
  severity: Severity | null;
  method: string;
  thickness_mm: number | null;
}

export interface StitchStandard {
  seam: string;
  title_ko: string;
  title_en: string;
  side: "top" | "right" | "bottom" | "left";
  inset_mm: number;
  pitch_mm: number;
  lower_mm: number | null;
  upper_mm: number | null;
  max_cv_ratio: number;
  max_skipped_count: number;
  severity: Severity | null;
}

export interface StageStandard {
  stage: string;
  checks: ("defects" | "measure" | "stitches")[];
  points: PointOfMeasure[];
  stitches: StitchStandard[];
  defects: { minor_below_mm2: number; major_from_mm2: number } | null;
}

export interface Gap {
  stage: string;
  kind: string;
  name: string;
  size: string;
  field: string;
  digital_mm: number | null;
  physical_mm: number | null;
  corrected_mm: number | null;
}

export interface Spec {
  spec_version: string;
  version_number: number;
  stages: StageStandard[];
  based_on: string;
  reason: string;
  inspection_id: string;
  gaps: Gap[];
  created_at: string;
  created_by: string;
}

export interface WorkOrder {
  work_order_id: string;
  number: string;
  title_ko: string;
  title_en: string;
  style: string;
  spec_version: string;
  rework_limit: number;
  due_at: string | null;
  created_at: string;
  created_by: string;
  steps: Step[];
  pieces: PieceLine[];
  specs: Spec[];
  sequence: number;
}

export interface Point {
  x_px: number;
  y_px: number;
}

export interface Finding {
  defect_class: string;
  score: number;
  polygon_px: Point[];
  area_px: number;
  area_mm2: number | null;
  severity: string;
}

export interface Measurement {
  name: string;
  nominal_mm: number;
  lower_mm: number;
  upper_mm: number;
  value_mm: number | null;
  uncertainty_mm: number | null;
  outcome: Outcome;
  reason: string;
  from_px: Point | null;
  to_px: Point | null;
  severity: string;
}

export interface StitchReading {
  seam: string;
  nominal_mm: number;
  lower_mm: number;
  upper_mm: number;
  pitch_mm: number | null;
  uncertainty_mm: number | null;
  cv_ratio: number | null;
  skipped_count: number | null;
  outcome: Outcome;
  reason: string;
  seam_px: Point[];
  severity: string;
  max_cv_ratio: number;
}

export interface InspectionCorrection {
  verdict: Verdict;
  reason: string;
  by: string;
  at: string;
}

export interface Inspection {
  inspection_id: string;
  piece_id: string;
  piece_number: number;
  work_order_id: string;
  work_order_number: string;
  step_id: string;
  stage: string;
  spec_version: string;
  attempt: number;
  station_id: string;
  station_name: string;
  worker: string;
  verdict: Verdict;
  final_verdict: Verdict;
  critical: boolean;
  findings: Finding[];
  measurements: Measurement[];
  stitches: StitchReading[];
  anomaly_score: number;
  threshold_score: number;
  anomaly_map: { width: number; height: number; base64: string };
  bundle: string;
  bundle_digest: string;
  style: string;
  calibration_id: string;
  frame_width_px: number;
  frame_height_px: number;
  reasons: string[];
  elapsed_ms: number;
  picture_sha256: string;
  picture_available: boolean;
  inspected_at: string;
  corrections: InspectionCorrection[];
}

export interface HistoryLine {
  at: string;
  kind: string;
  step_id: string;
  stage: string;
  attempt: number;
  worker: string;
  station_name: string;
  verdict: string;
  inspection_id: string | null;
  spec_version: string;
  reason: string;
  instruction_ko: string;
  instruction_en: string;
}

export interface Rework {
  step_id: string;
  stage: string;
  attempt: number;
  inspection_id: string;
  spec_version: string;
  reason: string;
  instruction_ko: string;
  instruction_en: string;
  by: string;
  at: string;
  gaps: Gap[];
}

export interface Piece {
  piece_id: string;
  number: number;
  size: string;
  state: PieceState;
  open_step_id: string;
  open_stage: string;
  attempt: number;
  instruction_ko: string;
  instruction_en: string;
  spec_version: string;
  work_order_id: string;
  work_order_number: string;
  title_ko: string;
  title_en: string;
  style: string;
  steps: Step[];
  cells: Cell[];
  history: HistoryLine[];
  inspections: Inspection[];
  reworks: Rework[];
  spec: Spec;
  sequence: number;
}

export interface SpecChange {
  stage: string;
  kind: "stitch" | "point";
  name: string;
  size: string;
  field: string;
  value: number | null;
}

export interface DesignCorrection {
  spec_version: string;
  version_number: number;
  gaps: Gap[];
  instruction_ko: string;
  instruction_en: string;
}

export interface ReworkOutcome {
  piece_id: string;
  state: PieceState;
  open_stage: string;
  attempt: number;
  instruction_ko: string;
  instruction_en: string;
  escalated: boolean;
}

export interface WorkOrderDraft {
  number: string;
  title_ko: string;
  title_en: string;
  style: string;
  due_at: string | null;
  spec: { stages: StageStandard[] };
  steps: { stage: string; title_ko: string; title_en: string; requires_quality_check: boolean }[];
  pieces: { number: number; size: string }[];
}

export interface WorkOrderCreation {
  work_order_id: string;
  number: string;
}

export interface RegistryProblem {
  file: string;
  line: number | null;
  reason: string;
  serving?: string;
}

export interface LiveEvent {
  sequence: number;
  event_id: string;
  type: string;
  occurred_at: string;
  payload: Record<string, unknown>;
}
