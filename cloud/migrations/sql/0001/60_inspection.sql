-- What the machine saw and measured, every number of it, and what people said about it later.
-- A correction never rewrites the machine's record.

CREATE TABLE inspections (
    organization_id text NOT NULL,
    inspection_id text NOT NULL CHECK (kyndof_id('ins', inspection_id)),
    piece_id text NOT NULL,
    step_id text NOT NULL,
    stage text NOT NULL,
    spec_version text NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    station_id text NOT NULL,
    worker text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('PASS', 'FAIL', 'REVIEW')),
    critical boolean NOT NULL,
    findings jsonb NOT NULL,
    measurements jsonb NOT NULL,
    stitches jsonb NOT NULL,
    anomaly_score double precision NOT NULL,
    threshold_score double precision NOT NULL,
    anomaly_map_width integer NOT NULL,
    anomaly_map_height integer NOT NULL,
    anomaly_map bytea NOT NULL,
    bundle text NOT NULL,
    bundle_digest text NOT NULL,
    style text NOT NULL,
    calibration_id text NOT NULL,
    frame_width_px integer NOT NULL,
    frame_height_px integer NOT NULL,
    reasons text[] NOT NULL,
    elapsed_ms double precision NOT NULL,
    picture_sha256 text NOT NULL CHECK (picture_sha256 ~ '^([0-9a-f]{64})?$'),
    inspected_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, inspection_id),
    FOREIGN KEY (organization_id, piece_id) REFERENCES pieces (organization_id, piece_id),
    FOREIGN KEY (organization_id, step_id) REFERENCES steps (organization_id, step_id),
    FOREIGN KEY (organization_id, spec_version) REFERENCES specs (organization_id, spec_version)
);
CREATE INDEX inspections_piece ON inspections (organization_id, piece_id, inspected_at);
CREATE INDEX inspections_picture ON inspections (organization_id, picture_sha256);
CREATE INDEX inspections_time ON inspections (organization_id, inspected_at DESC);

CREATE TABLE inspection_corrections (
    organization_id text NOT NULL,
    inspection_id text NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    verdict text NOT NULL CHECK (verdict IN ('PASS', 'FAIL', 'REVIEW')),
    reason text NOT NULL,
    changes jsonb NOT NULL,
    corrected_by text NOT NULL,
    corrected_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, inspection_id, position),
    FOREIGN KEY (organization_id, inspection_id) REFERENCES inspections (organization_id, inspection_id)
);
