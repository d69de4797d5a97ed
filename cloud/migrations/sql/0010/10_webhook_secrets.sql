-- Webhook secrets lie in the same envelopes as credentials, under the keys that an operator sets.
-- What the form before sealed does not open any more. That is said, not hidden: whoever sends to
-- us is told that no secret holds, and what we send to waits for somebody to exchange the secret.
-- The owner sees every organization's rows for the moment of the change.
ALTER TABLE webhook_subscriptions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets NO FORCE ROW LEVEL SECURITY;
UPDATE webhook_subscriptions s SET state = 'SUSPENDED', changed_at = now(),
       reason = 'its secret was sealed in an earlier form: make a new one, then switch it on'
WHERE s.state = 'ACTIVE' AND EXISTS (
  SELECT 1 FROM webhook_secrets w
  WHERE w.organization_id = s.organization_id AND w.owner_id = s.subscription_id);
DELETE FROM webhook_secrets;
ALTER TABLE webhook_subscriptions FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets
  DROP COLUMN sealed,
  ADD COLUMN key_id text NOT NULL CHECK (key_id ~ '^[a-z0-9-]{1,32}$'),
  ADD COLUMN envelope bytea NOT NULL CONSTRAINT webhook_secrets_are_sealed
    CHECK (substring(envelope FROM 1 FOR 4) = 'KYE1'::bytea AND octet_length(envelope) >= 93);
CREATE INDEX webhook_secrets_by_key ON webhook_secrets (organization_id, key_id);
