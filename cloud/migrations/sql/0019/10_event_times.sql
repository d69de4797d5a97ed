-- The cloud's clock less the monotonic clock of one boot of a station, as it was at mono_ns of that
-- boot; of each hour of a boot (slot) the estimate that errs least.
CREATE TABLE station_clocks (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  boot_id bytea NOT NULL CHECK (octet_length(boot_id) BETWEEN 1 AND 64),
  slot bigint NOT NULL,
  mono_ns bigint NOT NULL CHECK (mono_ns >= 0),
  offset_us bigint NOT NULL CHECK (abs(offset_us) < 1000000000000000000),
  error_us bigint NOT NULL CHECK (error_us BETWEEN 0 AND 1000000000000000000),
  known_by text NOT NULL CHECK (known_by IN ('round_trip', 'time_server')),
  noted_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, boot_id, slot),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);
ALTER TABLE station_clocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE station_clocks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON station_clocks
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON station_clocks TO kyndof_app;

-- The log with the moment of each event: worked out when it is read, so that a better estimate
-- re-times everything of its boot and writing an event costs nothing more. event_time_err_ms is the
-- largest error; NULL where only the station's own wall clock is known. The estimate before and the
-- one after are weighed by what they err here: a monotonic clock runs wrong by at most 500 millionths
-- (a 2,000,000th of its ns in µs). Negative readings are no readings.
CREATE VIEW station_event_times WITH (security_invoker = true) AS
SELECT e.organization_id, e.station_id, e.epoch, e.stream, e.seq, e.standing, e.event_id, e.type,
       e.payload, e.worker, e.basis, e.boot_id, e.occurred_at, e.received_at,
       CASE WHEN c.offset_us IS NULL THEN coalesce(e.occurred_at, e.received_at)
            ELSE timestamptz 'epoch'
              + (c.offset_us + e.mono_ns / 1000) / 1000000 * interval '1 second'
              + (c.offset_us + e.mono_ns / 1000) % 1000000 * interval '1 microsecond'
       END AS event_time,
       (c.error_us + 999) / 1000 AS event_time_err_ms,
       c.known_by AS event_time_known_by
FROM station_events e
LEFT JOIN LATERAL (
  SELECT near.offset_us, near.known_by,
         near.error_us + abs(e.mono_ns - near.mono_ns) / 2000000 AS error_us
  FROM (
    (SELECT b.* FROM station_clocks b
     WHERE b.organization_id = e.organization_id AND b.station_id = e.station_id
       AND b.boot_id = e.boot_id AND b.slot <= e.mono_ns / 3600000000000
     ORDER BY b.slot DESC LIMIT 1)
    UNION ALL
    (SELECT a.* FROM station_clocks a
     WHERE a.organization_id = e.organization_id AND a.station_id = e.station_id
       AND a.boot_id = e.boot_id AND a.slot > e.mono_ns / 3600000000000
     ORDER BY a.slot LIMIT 1)
  ) AS near
  WHERE e.mono_ns >= 0
  ORDER BY error_us LIMIT 1
) AS c ON true;
GRANT SELECT ON station_event_times TO kyndof_app;

-- The largest error of both moments; NULL where nobody can say.
ALTER TABLE step_runs
  ADD COLUMN started_err_ms bigint CHECK (started_err_ms >= 0),
  ADD COLUMN finished_err_ms bigint CHECK (finished_err_ms >= 0);
