-- One conversation of one person. `version` counts every change of the row; `last_sequence` counts
-- the entries. Whoever appends takes the row's lock, so entries have no hole.
CREATE TABLE sessions (
  organization_id text NOT NULL REFERENCES organizations,
  session_id text NOT NULL CHECK (kyndof_id('ses', session_id)),
  owner_login text NOT NULL,
  source text NOT NULL,
  interface text NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'ended')),
  metadata jsonb NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  last_sequence bigint NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
  user_count bigint NOT NULL DEFAULT 0,
  assistant_count bigint NOT NULL DEFAULT 0,
  characters_count bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (organization_id, session_id),
  CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX sessions_by_owner ON sessions (organization_id, owner_login, session_id DESC);

CREATE TABLE session_entries (
  organization_id text NOT NULL,
  session_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  role text NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
  author text NOT NULL,
  interface text NOT NULL,
  text text NOT NULL CHECK (length(text) BETWEEN 1 AND 32000),
  at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, session_id, sequence),
  FOREIGN KEY (organization_id, session_id) REFERENCES sessions
);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sessions
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT, UPDATE ON sessions TO kyndof_app;

ALTER TABLE session_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON session_entries
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
-- What was said is appended, never changed.
GRANT SELECT, INSERT ON session_entries TO kyndof_app;
