-- What can be set at a station from afar: every version that was ever wished, none is overwritten.
CREATE TABLE station_configurations (
  organization_id text NOT NULL REFERENCES organizations,
  station_id text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  document text NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 65536),
  saved_by text NOT NULL,
  saved_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, version),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);
CREATE INDEX station_configurations_digest
  ON station_configurations (organization_id, station_id, digest);
ALTER TABLE station_configurations ENABLE ROW LEVEL SECURITY;
ALTER TABLE station_configurations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON station_configurations
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT ON station_configurations TO kyndof_app;

-- The wish names a version by its digest; the station says which one it uses, or why not.
ALTER TABLE station_wishes
  ADD COLUMN config_digest text NOT NULL DEFAULT '',
  ADD COLUMN observed_config text NOT NULL DEFAULT '',
  ADD COLUMN observed_config_wished text NOT NULL DEFAULT '',
  ADD COLUMN observed_config_refusal text NOT NULL DEFAULT '',
  ADD COLUMN observed_config_detail text NOT NULL DEFAULT '',
  ADD COLUMN camera jsonb;
