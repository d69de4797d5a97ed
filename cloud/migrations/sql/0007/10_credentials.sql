-- Secrets of outside services, sealed. The check refuses whatever is no envelope: plaintext
-- cannot be stored by mistake.
CREATE TABLE credentials (
  organization_id text NOT NULL REFERENCES organizations,
  credential_id text NOT NULL CHECK (kyndof_id('crd', credential_id)),
  name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
  field text NOT NULL CHECK (field ~ '^[a-z][a-z0-9_]{0,63}$'),
  key_id text NOT NULL CHECK (key_id ~ '^[a-z0-9-]{1,32}$'),
  envelope bytea NOT NULL CONSTRAINT credentials_are_sealed
    CHECK (substring(envelope FROM 1 FOR 4) = 'KYE1'::bytea AND octet_length(envelope) >= 93),
  stored_by text NOT NULL,
  stored_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, credential_id),
  UNIQUE (organization_id, name, field)
);
CREATE INDEX credentials_by_key ON credentials (organization_id, key_id);
ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON credentials
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials TO kyndof_app;
