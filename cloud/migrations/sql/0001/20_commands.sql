-- The ends of an organization's two counted chains. Its row is the lock under which a commit
-- numbers events and audit rows, so both sequences have no hole and follow the order of commits.
CREATE TABLE organization_heads (
  organization_id text PRIMARY KEY REFERENCES organizations,
  event_sequence bigint NOT NULL DEFAULT 0 CHECK (event_sequence >= 0),
  audit_sequence bigint NOT NULL DEFAULT 0 CHECK (audit_sequence >= 0),
  audit_hash bytea NOT NULL DEFAULT ''
);

-- The outbox: facts, written in the transaction of the act.
CREATE TABLE events (
  organization_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  event_id text NOT NULL CHECK (kyndof_id('evt', event_id)),
  type text NOT NULL CHECK (type ~ '^[a-z][a-z0-9_]*$'),
  occurred_at timestamptz NOT NULL,
  payload jsonb NOT NULL,
  trace_id text NOT NULL DEFAULT '',
  PRIMARY KEY (organization_id, sequence),
  UNIQUE (organization_id, event_id)
);

-- How far each subscriber has heard.
CREATE TABLE subscriber_cursors (
  organization_id text NOT NULL,
  subscriber text NOT NULL,
  sequence bigint NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  last_error text,
  moved_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, subscriber)
);

-- Which organizations have events that `subscriber_name` has not heard; the relay asks before it
-- sets any organization.
CREATE FUNCTION unheard_organizations(subscriber_name text) RETURNS TABLE (organization_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT h.organization_id FROM organization_heads h
        LEFT JOIN subscriber_cursors c
          ON c.organization_id = h.organization_id AND c.subscriber = subscriber_name
        WHERE h.event_sequence > coalesce(c.sequence, 0) $$;

-- Answers by key. A key belongs to one person of one organization.
CREATE TABLE idempotency_keys (
  organization_id text NOT NULL,
  user_login text NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  payload_hash text NOT NULL,
  result jsonb,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, user_login, key)
);

-- Who did what. Each row's hash covers the row and the hash before it. `metadata` is json, not
-- jsonb, because the text that was hashed must come back letter by letter.
CREATE TABLE audit_log (
  organization_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  at timestamptz NOT NULL,
  user_login text NOT NULL,
  source text NOT NULL,
  action text NOT NULL,
  resource text NOT NULL,
  outcome text NOT NULL,
  trace_id text NOT NULL,
  metadata json NOT NULL,
  hash bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (organization_id, sequence)
);
CREATE INDEX audit_log_by_resource ON audit_log (organization_id, resource, sequence);
