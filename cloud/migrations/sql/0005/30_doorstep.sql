-- Before anybody is known there is no organization. What happens then is written under the
-- doorstep, an identifier that no organization has, so that the rule for rows holds for it too.
CREATE FUNCTION kyndof_doorstep() RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN 'org_00000000000000000000000000';
ALTER TABLE organizations ADD CONSTRAINT organizations_are_not_the_doorstep
  CHECK (organization_id <> kyndof_doorstep());

-- How often somebody has knocked: the moment at which the bucket is full again. `subject` is the
-- hash of a login or of an address.
CREATE TABLE knocks (
  organization_id text NOT NULL CHECK (organization_id = kyndof_doorstep()),
  subject bytea NOT NULL,
  full_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, subject)
);
CREATE INDEX knocks_full ON knocks (organization_id, full_at);

-- A way out to a provider and back, once. The state is never stored, only its hash.
CREATE TABLE outside_trips (
  organization_id text NOT NULL CHECK (organization_id = kyndof_doorstep()),
  state_hash bytea NOT NULL,
  browser_hash bytea NOT NULL,
  kind text NOT NULL CHECK (kind IN ('oidc', 'slack')),
  nonce text NOT NULL,
  verifier text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, state_hash)
);

-- A device that asks for a login.
CREATE TABLE device_codes (
  organization_id text NOT NULL CHECK (organization_id = kyndof_doorstep()),
  device_hash bytea NOT NULL,
  user_code_hash bytea NOT NULL,
  client text NOT NULL,
  address text NOT NULL,
  scopes text[] CHECK (scopes IS NULL OR cardinality(scopes) > 0),
  expires_at timestamptz NOT NULL,
  polled_at timestamptz,
  PRIMARY KEY (organization_id, device_hash)
);
CREATE UNIQUE INDEX device_codes_by_user_code ON device_codes (organization_id, user_code_hash);
