-- The newest warnings and errors of a station, when somebody asked for them; only the last answer
-- is kept.
CREATE TABLE station_logs (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  log_request_id text NOT NULL CHECK (kyndof_id('log', log_request_id)),
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  answered_at timestamptz,
  lines jsonb NOT NULL DEFAULT '[]' CHECK (octet_length(lines::text) <= 262144),
  left_out_count integer NOT NULL DEFAULT 0 CHECK (left_out_count >= 0),
  PRIMARY KEY (organization_id, station_id),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);
ALTER TABLE station_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE station_logs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON station_logs
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT, UPDATE ON station_logs TO kyndof_app;
