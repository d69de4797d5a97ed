-- Needed while the lookup functions are handed over; 90_close.sql takes it back.
GRANT CREATE ON SCHEMA public TO kyndof_lookup;

-- A person who was invited from another organization keeps the identifier that he or she has there;
-- that home organization keeps the password. A login with a colon would look like a machine.
ALTER TABLE persons
  ADD COLUMN language text NOT NULL DEFAULT 'ko' CHECK (language IN ('ko', 'en')),
  ADD COLUMN home_organization_id text REFERENCES organizations,
  ADD COLUMN removed_at timestamptz,
  ADD CONSTRAINT persons_login_is_no_machine CHECK (login !~ ':');
CREATE INDEX persons_by_user ON persons (user_id);
CREATE INDEX persons_by_login ON persons (login);

-- Organizations are renamed by their owners, each its own alone.
GRANT UPDATE (name_ko, name_en) ON organizations TO kyndof_app;

CREATE TABLE invitations (
  organization_id text NOT NULL REFERENCES organizations,
  invitation_id text NOT NULL CHECK (kyndof_id('inv', invitation_id)),
  token_hash bytea NOT NULL UNIQUE,
  login text NOT NULL,
  name_ko text NOT NULL,
  name_en text NOT NULL,
  invited_by text NOT NULL,
  invited_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (organization_id, invitation_id)
);

-- One password a person, kept by the home organization. The text is argon2's own, with its salt.
CREATE TABLE passwords (
  organization_id text NOT NULL,
  user_id text NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^\$argon2id\$'),
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, user_id),
  FOREIGN KEY (organization_id, user_id) REFERENCES persons
);

-- One-time links by which a password is set; the token itself is never stored.
CREATE TABLE password_links (
  organization_id text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  user_id text NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (organization_id, token_hash),
  FOREIGN KEY (organization_id, user_id) REFERENCES persons
);

-- Whom an outside provider knows under which subject.
CREATE TABLE provider_accounts (
  organization_id text NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  user_id text NOT NULL,
  linked_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, issuer, subject),
  FOREIGN KEY (organization_id, user_id) REFERENCES persons
);

CREATE TABLE slack_accounts (
  organization_id text NOT NULL,
  team_id text NOT NULL CHECK (team_id ~ '^[A-Z0-9]{2,30}$'),
  slack_user_id text NOT NULL CHECK (slack_user_id ~ '^[A-Z0-9]{2,30}$'),
  user_id text NOT NULL,
  team_name text NOT NULL,
  linked_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, team_id, slack_user_id),
  FOREIGN KEY (organization_id, user_id) REFERENCES persons
);
CREATE INDEX slack_accounts_by_user ON slack_accounts (organization_id, user_id);
