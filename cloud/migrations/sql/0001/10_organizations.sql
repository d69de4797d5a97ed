-- Organizations are the one table without row-level security: their own identity is the key.
CREATE TABLE organizations (
  organization_id text PRIMARY KEY CHECK (kyndof_id('org', organization_id)),
  code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9-]{2,30}$'),
  name_ko text NOT NULL,
  name_en text NOT NULL,
  is_demo boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE persons (
  organization_id text NOT NULL REFERENCES organizations,
  user_id text NOT NULL CHECK (kyndof_id('usr', user_id)),
  login text NOT NULL CHECK (login ~ '^[^@\s]+@[^@\s]+$'),
  name_ko text NOT NULL,
  name_en text NOT NULL,
  badge text NOT NULL CHECK (badge ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, user_id),
  UNIQUE (organization_id, login),
  UNIQUE (organization_id, badge)
);

-- One-time links: the token itself is never stored.
CREATE TABLE login_links (
  organization_id text NOT NULL REFERENCES organizations,
  token_hash bytea NOT NULL UNIQUE,
  login text NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (organization_id, token_hash)
);

-- Web sessions, by the hash of the cookie.
CREATE TABLE web_sessions (
  organization_id text NOT NULL REFERENCES organizations,
  session_hash bytea NOT NULL UNIQUE,
  login text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (organization_id, session_hash)
);

CREATE TABLE api_keys (
  organization_id text NOT NULL REFERENCES organizations,
  key_id text NOT NULL CHECK (kyndof_id('key', key_id)),
  key_hash bytea NOT NULL UNIQUE,
  name text NOT NULL,
  login text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (organization_id, key_id)
);

-- Who is behind a secret, before any organization is known. One function per kind of secret.
CREATE FUNCTION lookup_login_link(hash bytea) RETURNS TABLE (organization_id text, login text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT l.organization_id, l.login FROM login_links l WHERE l.token_hash = hash $$;

CREATE FUNCTION lookup_web_session(hash bytea)
  RETURNS TABLE (organization_id text, login text, expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT s.organization_id, s.login, s.expires_at FROM web_sessions s
        WHERE s.session_hash = hash AND s.ended_at IS NULL $$;

CREATE FUNCTION lookup_api_key(hash bytea) RETURNS TABLE (organization_id text, login text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT k.organization_id, k.login FROM api_keys k
        WHERE k.key_hash = hash AND k.revoked_at IS NULL $$;
