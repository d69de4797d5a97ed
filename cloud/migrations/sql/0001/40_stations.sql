-- Stations, how they enrol, and the log of everything they said.
CREATE TABLE stations (
  organization_id text NOT NULL REFERENCES organizations,
  station_id text NOT NULL CHECK (kyndof_id('sta', station_id)),
  name text NOT NULL CHECK (name ~ '^[A-Z0-9-]{2,20}$'),
  stages text[] NOT NULL CHECK (cardinality(stages) > 0),
  title_ko text NOT NULL,
  title_en text NOT NULL,
  status text NOT NULL CHECK (status IN ('REGISTERED', 'ENROLLED', 'REVOKED')),
  serial text,
  registered_at timestamptz NOT NULL,
  enrolled_at timestamptz,
  revoked_at timestamptz,
  revoked_reason text,
  online boolean NOT NULL DEFAULT false,
  last_seen_at timestamptz,
  PRIMARY KEY (organization_id, station_id)
);
-- A revoked station's name may be given to the one that takes its place.
CREATE UNIQUE INDEX stations_name ON stations (organization_id, name) WHERE status <> 'REVOKED';

-- The token itself is never stored.
CREATE TABLE join_tokens (
  organization_id text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  station_id text NOT NULL,
  serial text NOT NULL,
  issued_by text NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  key_sha256 bytea,
  certificate_serial text,
  PRIMARY KEY (organization_id, token_hash),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);

CREATE TABLE station_certificates (
  organization_id text NOT NULL,
  certificate_serial text NOT NULL CHECK (certificate_serial ~ '^[0-9a-f]{2,40}$'),
  station_id text NOT NULL,
  key_sha256 bytea NOT NULL,
  certificate_pem text NOT NULL,
  not_before timestamptz NOT NULL,
  not_after timestamptz NOT NULL,
  issued_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (organization_id, certificate_serial),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);
CREATE INDEX station_certificates_station ON station_certificates (organization_id, station_id);

-- One epoch per outbox file that a station ever had.
CREATE TABLE station_outboxes (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  epoch bigint NOT NULL CHECK (epoch BETWEEN 1 AND 4294967295),
  outbox_id text NOT NULL,
  agent_version text NOT NULL,
  opened_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, epoch),
  UNIQUE (organization_id, station_id, outbox_id),
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);

-- Everything up to committed_seq is in; digest rolls over all of it.
CREATE TABLE station_cursors (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  epoch bigint NOT NULL,
  stream text NOT NULL CHECK (stream IN ('events', 'state')),
  committed_seq bigint NOT NULL CHECK (committed_seq >= 0),
  digest bytea NOT NULL CHECK (octet_length(digest) = 8),
  duplicates bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (organization_id, station_id, epoch, stream)
);

-- How far the projector got. Apart from the cursor, so that neither waits for the other.
CREATE TABLE station_projections (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  epoch bigint NOT NULL,
  stream text NOT NULL,
  projected_seq bigint NOT NULL CHECK (projected_seq >= 0),
  PRIMARY KEY (organization_id, station_id, epoch, stream)
);

-- The log. `repeated` marks an event that came before under another epoch: it keeps its number,
-- so that the log has no hole, and takes effect once. `dead` marks one that nobody can read.
CREATE TABLE station_events (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  epoch bigint NOT NULL,
  stream text NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  standing text NOT NULL CHECK (standing IN ('accepted', 'repeated', 'dead')),
  event_id text,
  type text NOT NULL,
  schema_version bigint NOT NULL,
  hlc bigint NOT NULL,
  mono_ns bigint NOT NULL,
  boot_id bytea NOT NULL,
  payload bytea NOT NULL,
  media text[] NOT NULL,
  producer_id text NOT NULL,
  pseq bigint NOT NULL,
  occurred_at timestamptz,
  worker text NOT NULL,
  basis text NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, epoch, stream, seq),
  CHECK (standing = 'dead' OR kyndof_id('evt', coalesce(event_id, '')))
);
CREATE UNIQUE INDEX station_events_once ON station_events (organization_id, event_id)
  WHERE standing = 'accepted';

-- Numbers that will never come; a gap occupies the numbers that it covers.
CREATE TABLE station_gaps (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  epoch bigint NOT NULL,
  stream text NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
  reason text NOT NULL,
  noted_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, epoch, stream, first_seq)
);

CREATE TABLE station_dead_letters (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  epoch bigint NOT NULL,
  stream text NOT NULL,
  seq bigint NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  payload bytea NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id, epoch, stream, seq)
);

-- Facts that happened and that the cloud's rules refuse; a supervisor decides.
CREATE TABLE station_disputes (
  organization_id text NOT NULL,
  event_id text NOT NULL CHECK (kyndof_id('evt', event_id)),
  station_id text NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  disputed_at timestamptz NOT NULL,
  decision text CHECK (decision IN ('ACCEPTED', 'REJECTED')),
  reason text,
  resolved_by text,
  resolved_at timestamptz,
  PRIMARY KEY (organization_id, event_id)
);
CREATE INDEX station_disputes_open ON station_disputes (organization_id, disputed_at)
  WHERE resolved_at IS NULL;

-- What a station shows at this moment.
CREATE TABLE station_states (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  state jsonb NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, station_id)
);

-- What the cloud wishes of a station, and what the station says it made of it.
CREATE TABLE station_wishes (
  organization_id text NOT NULL,
  station_id text NOT NULL,
  generation bigint NOT NULL CHECK (generation > 0),
  work_digest text NOT NULL,
  wished_at timestamptz NOT NULL,
  observed_generation bigint NOT NULL DEFAULT 0,
  observed_digest text NOT NULL DEFAULT '',
  observed_state text NOT NULL DEFAULT '',
  observed_detail text NOT NULL DEFAULT '',
  observed_at timestamptz,
  PRIMARY KEY (organization_id, station_id)
);

CREATE TABLE media (
  organization_id text NOT NULL,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint NOT NULL CHECK (size_bytes > 0),
  content_type text NOT NULL CHECK (content_type IN ('image/jpeg', 'image/png')),
  station_id text NOT NULL,
  event_id text NOT NULL,
  stored_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, sha256)
);

-- Who may use a token is known only after it was found.
CREATE FUNCTION lookup_join_token(hash bytea)
  RETURNS TABLE (organization_id text, station_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT t.organization_id, t.station_id FROM join_tokens t WHERE t.token_hash = hash $$;

-- Which stations have committed events that were not projected yet.
CREATE FUNCTION lookup_projection_backlog()
  RETURNS TABLE (organization_id text, station_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT DISTINCT c.organization_id, c.station_id
        FROM station_cursors c
        LEFT JOIN station_projections p USING (organization_id, station_id, epoch, stream)
        WHERE c.committed_seq > coalesce(p.projected_seq, 0) $$;

GRANT SELECT ON station_cursors, station_projections TO kyndof_lookup;
CREATE POLICY lookup ON station_cursors FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON station_projections FOR SELECT TO kyndof_lookup USING (true);
