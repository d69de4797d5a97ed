-- What people taught at one station and the others should know. A naming is never changed: of
-- several about one finding the newest counts, and an empty kind takes the name back.
CREATE TABLE flaw_namings (
  organization_id text NOT NULL REFERENCES organizations,
  naming_id text NOT NULL CHECK (kyndof_id('nam', naming_id)),
  inspection_id text NOT NULL,
  finding_index integer NOT NULL CHECK (finding_index >= 0),
  kind text NOT NULL CHECK (length(kind) <= 40),
  bundle_digest text NOT NULL,
  description bytea NOT NULL
    CHECK (octet_length(description) <= 512 AND octet_length(description) % 4 = 0),
  station_id text NOT NULL,
  named_by text NOT NULL,
  named_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, naming_id),
  CONSTRAINT named_flaws_are_described CHECK (kind = '' OR description <> ''::bytea),
  FOREIGN KEY (organization_id, inspection_id)
    REFERENCES inspections (organization_id, inspection_id)
);
CREATE INDEX flaw_namings_finding
  ON flaw_namings (organization_id, inspection_id, finding_index, named_at DESC, naming_id DESC);
CREATE INDEX flaw_namings_station ON flaw_namings (organization_id, station_id);

-- Banks of styles as they were taught; each stays, a withdrawn one counts nowhere.
CREATE TABLE taught_banks (
  organization_id text NOT NULL REFERENCES organizations,
  bank_id text NOT NULL CHECK (kyndof_id('bnk', bank_id)),
  style text NOT NULL CHECK (style ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
  content bytea NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 10240),
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  bundle_digest text NOT NULL,
  piece_count integer NOT NULL,
  threshold_score double precision NOT NULL,
  overkill_ratio double precision NOT NULL,
  station_id text NOT NULL,
  taught_by text NOT NULL,
  taught_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  withdrawn_by text,
  withdrawn_at timestamptz,
  withdrawn_reason text,
  PRIMARY KEY (organization_id, bank_id),
  CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)
         AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL))
);
CREATE INDEX taught_banks_style
  ON taught_banks (organization_id, style, taught_at DESC, bank_id DESC);

-- How each station's camera and table were learned, as the station told it.
CREATE TABLE station_calibrations (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  calibration_id text NOT NULL CHECK (kyndof_id('cal', calibration_id)),
  calibrated_by text NOT NULL,
  calibrated_at timestamptz NOT NULL,
  rms_px double precision NOT NULL,
  board jsonb NOT NULL,
  table_name text NOT NULL,
  residual_px double precision NOT NULL,
  camera_height_mm double precision NOT NULL,
  check_mm double precision,
  views_count integer NOT NULL,
  dropped_count integer NOT NULL,
  coverage_ratio double precision NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, calibration_id),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations (organization_id, station_id)
);
CREATE INDEX station_calibrations_time
  ON station_calibrations (organization_id, station_id, calibrated_at DESC);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['flaw_namings', 'taught_banks', 'station_calibrations']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON flaw_namings, station_calibrations TO kyndof_app;
GRANT SELECT, INSERT, UPDATE ON taught_banks TO kyndof_app;
