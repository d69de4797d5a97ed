-- A session gets a name that may be shown, and remembers what proved its person.
ALTER TABLE web_sessions
  ADD COLUMN web_session_id text NOT NULL
    DEFAULT 'web_' || upper(substr(md5(random()::text || clock_timestamp()::text), 1, 26))
    CHECK (kyndof_id('web', web_session_id)),
  ADD COLUMN proof text NOT NULL DEFAULT 'link' CHECK (proof IN ('link', 'password', 'oidc')),
  ADD COLUMN user_agent text NOT NULL DEFAULT '';
ALTER TABLE web_sessions ALTER COLUMN web_session_id DROP DEFAULT;
CREATE UNIQUE INDEX web_sessions_by_id ON web_sessions (organization_id, web_session_id);
CREATE INDEX web_sessions_by_login ON web_sessions (organization_id, login);

-- No scopes: everything that the person may do.
ALTER TABLE api_keys
  ADD COLUMN scopes text[] CHECK (scopes IS NULL OR cardinality(scopes) > 0),
  ADD COLUMN expires_at timestamptz,
  ADD COLUMN last_used_at timestamptz;
CREATE INDEX api_keys_by_login ON api_keys (organization_id, login);

-- One sign-in of a program. Its refresh tokens follow each other; a repeated one ends all of them.
CREATE TABLE token_families (
  organization_id text NOT NULL,
  family_id text NOT NULL CHECK (kyndof_id('fam', family_id)),
  user_id text NOT NULL,
  login text NOT NULL,
  client text NOT NULL,
  scopes text[] CHECK (scopes IS NULL OR cardinality(scopes) > 0),
  proof text NOT NULL CHECK (proof IN ('link', 'password', 'oidc')),
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_reason text,
  PRIMARY KEY (organization_id, family_id),
  FOREIGN KEY (organization_id, user_id) REFERENCES persons
);
CREATE INDEX token_families_by_login ON token_families (organization_id, login);
CREATE UNIQUE INDEX token_families_by_id ON token_families (family_id);

CREATE TABLE refresh_tokens (
  organization_id text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  family_id text NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (organization_id, token_hash),
  FOREIGN KEY (organization_id, family_id) REFERENCES token_families ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (organization_id, family_id);

-- What a person said to a device that waits for its login.
CREATE TABLE device_decisions (
  organization_id text NOT NULL,
  device_hash bytea NOT NULL UNIQUE,
  user_id text NOT NULL,
  approved boolean NOT NULL,
  proof text NOT NULL,
  decided_at timestamptz NOT NULL,
  taken_at timestamptz,
  PRIMARY KEY (organization_id, device_hash),
  FOREIGN KEY (organization_id, user_id) REFERENCES persons
);
