/**
 * What the station says on `/live`.
 *
 * @typedef {{ x_px: number, y_px: number }} Point
 * @typedef {"PASS" | "FAIL" | "REVIEW" | "CANNOT_MEASURE" | "NONE"} Outcome
 * @typedef {"ko" | "en"} Language
 *
 * @typedef {object} Measurement
 * @property {string} name
 * @property {string} title_ko
 * @property {string} title_en
 * @property {number} nominal_mm
 * @property {number} lower_mm
 * @property {number} upper_mm
 * @property {number | null} value_mm
 * @property {number | null} uncertainty_mm
 * @property {Outcome} outcome
 * @property {string} reason
 * @property {Point | null} from_px
 * @property {Point | null} to_px
 * @property {string} severity
 *
 * @typedef {object} StitchReading
 * @property {string} seam
 * @property {string} title_ko
 * @property {string} title_en
 * @property {number} nominal_mm
 * @property {number} lower_mm
 * @property {number} upper_mm
 * @property {number | null} pitch_mm
 * @property {number | null} uncertainty_mm
 * @property {number | null} cv_ratio
 * @property {number | null} skipped_count
 * @property {number} max_cv_ratio
 * @property {Outcome} outcome
 * @property {string} reason
 * @property {Point[]} seam_px
 *
 * @typedef {object} Finding
 * @property {string} defect_class
 * @property {number} score
 * @property {Point[]} polygon_px
 * @property {number} area_px
 * @property {number | null} area_mm2
 * @property {string} severity
 * @property {number | null} confidence_ratio
 *
 * @typedef {object} Teaching
 * @property {string} style
 * @property {"taking" | "learning" | "taught" | "failed"} phase
 * @property {number} taken_count
 * @property {number} wanted_count
 * @property {number} least_count
 * @property {{ ko: string, en: string }[]} refused
 * @property {number} refused_count
 * @property {{ ko: string, en: string } | null} problem
 * @property {{ piece_count: number, size_bytes: number, threshold_score: number,
 *   overkill_ratio: number, elapsed_s: number } | null} taught
 *
 * @typedef {object} Calibration
 * @property {string} board
 * @property {"views" | "working" | "made" | "gauge"} phase
 * @property {number} views_count
 * @property {number} wanted_count
 * @property {number} least_count
 * @property {number} dropped_count
 * @property {boolean[][]} fields
 * @property {boolean} flat
 * @property {{ ko: string, en: string } | null} refusal
 * @property {{ calibration_id: string, made_at: string, rms_px: number, views_count: number,
 *   coverage_ratio: number, residual_px: number, camera_height_mm: number,
 *   check_mm: number | null } | null} made
 * @property {{ length_mm: number, measured_mm: number, error_mm: number, passed: boolean } | null} gauge
 *
 * @typedef {object} Desk
 * @property {boolean} supervises
 * @property {string[]} styles
 * @property {string[]} boards
 * @property {Record<string, number>} thickness_mm
 * @property {Record<string, string>} named
 * @property {{ kind: string, count: number }[]} kinds
 * @property {number} fewest_count
 * @property {Teaching | null} teaching
 * @property {Calibration | null} calibration
 *
 * @typedef {object} Verdict
 * @property {Outcome} verdict
 * @property {Measurement[]} measurements
 * @property {StitchReading[]} stitches
 * @property {Finding[]} findings
 * @property {{ code: string, ko: string, en: string }[]} reasons
 * @property {number} anomaly_score
 * @property {number} threshold_score
 * @property {string | null} picture_url
 * @property {number} frame_width_px
 * @property {number} frame_height_px
 * @property {{ width: number, height: number, base64: string } | null} anomaly_map
 * @property {{ ko: string, en: string }} next
 * @property {string} bundle
 * @property {number | null} scan_to_verdict_ms
 *
 * @typedef {object} Step
 * @property {string} id
 * @property {string} stage
 * @property {string} title_ko
 * @property {string} title_en
 * @property {boolean} requires_quality_check
 * @property {number} attempt
 * @property {boolean} started
 * @property {boolean} rework
 * @property {string} instruction_ko
 * @property {string} instruction_en
 *
 * @typedef {object} State
 * @property {{ name: string, enrolled: boolean, ready: boolean, stages: string[] }} station
 * @property {Language} language
 * @property {{ login: string, name_ko: string, name_en: string } | null} worker
 * @property {"idle" | "guide" | "capturing" | "inspecting" | "verdict" | "refused" | "choose"} phase
 * @property {{ id: string, number: number, size: string, work_order: string, title_ko: string,
 *   title_en: string } | null} piece
 * @property {Step | null} step
 * @property {{ text_ko: string, text_en: string, picture_url: string | null }[]} guide
 * @property {Verdict | null} verdict
 * @property {{ code: string, ko: string, en: string, code_text: string } | null} refusal
 * @property {{ piece_id: string, number: number, label: string }[]} choices
 * @property {{ code: string, ko: string, en: string }[]} alarms
 * @property {{ broker: boolean, cloud: boolean, unsent: number }} link
 * @property {number} spool
 * @property {{ ko: string, en: string } | null} bundle
 * @property {boolean} disputable
 * @property {boolean} order_unconfirmed
 * @property {Desk | null} desk
 */
export {};
