-- Doors for the messages of other systems.
CREATE TABLE webhook_endpoints (
  organization_id text NOT NULL REFERENCES organizations,
  endpoint_id text NOT NULL CHECK (kyndof_id('whe', endpoint_id)),
  name text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  closed_at timestamptz,
  PRIMARY KEY (organization_id, endpoint_id),
  UNIQUE (endpoint_id)
);

-- Sealed secrets of endpoints and subscriptions; two hold at once while one is exchanged.
CREATE TABLE webhook_secrets (
  organization_id text NOT NULL REFERENCES organizations,
  owner_id text NOT NULL CHECK (kyndof_id('wh[es]', owner_id)),
  number integer NOT NULL CHECK (number > 0),
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  holds_until timestamptz,
  PRIMARY KEY (organization_id, owner_id, number)
);

-- Which messages came; kept longer than the window in which a message is taken.
CREATE TABLE webhook_messages (
  organization_id text NOT NULL,
  endpoint_id text NOT NULL,
  message_id text NOT NULL CHECK (length(message_id) BETWEEN 1 AND 100),
  received_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, endpoint_id, message_id),
  FOREIGN KEY (organization_id, endpoint_id) REFERENCES webhook_endpoints
);

-- Where our events go.
CREATE TABLE webhook_subscriptions (
  organization_id text NOT NULL REFERENCES organizations,
  subscription_id text NOT NULL CHECK (kyndof_id('whs', subscription_id)),
  url text NOT NULL,
  events text[] NOT NULL CHECK (cardinality(events) > 0),
  state text NOT NULL CHECK (state IN ('ACTIVE', 'STOPPED', 'SUSPENDED', 'ENDED')),
  reason text NOT NULL DEFAULT '',
  failures_count integer NOT NULL DEFAULT 0 CHECK (failures_count >= 0),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, subscription_id)
);

-- One event on its way to one address; the body is what is signed, byte for byte, at each try.
CREATE TABLE webhook_deliveries (
  organization_id text NOT NULL,
  delivery_id text NOT NULL CHECK (kyndof_id('whd', delivery_id)),
  subscription_id text NOT NULL,
  event_id text NOT NULL CHECK (kyndof_id('evt', event_id)),
  event_type text NOT NULL,
  sequence bigint NOT NULL,
  body text NOT NULL,
  state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED')),
  next_at timestamptz,
  claimed_until timestamptz,
  attempts_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, delivery_id),
  UNIQUE (organization_id, subscription_id, event_id),
  FOREIGN KEY (organization_id, subscription_id) REFERENCES webhook_subscriptions,
  CHECK ((state = 'PENDING') = (next_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'PENDING';

-- Every try, as it went.
CREATE TABLE webhook_attempts (
  organization_id text NOT NULL,
  delivery_id text NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  at timestamptz NOT NULL,
  status integer NOT NULL,
  detail text NOT NULL,
  elapsed_ms double precision NOT NULL,
  PRIMARY KEY (organization_id, delivery_id, number),
  FOREIGN KEY (organization_id, delivery_id) REFERENCES webhook_deliveries ON DELETE CASCADE
);

-- Whose door this is, before any organization is known; its number proves nothing.
CREATE FUNCTION lookup_webhook_endpoint(endpoint text) RETURNS TABLE (organization_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT e.organization_id FROM webhook_endpoints e
        WHERE e.endpoint_id = endpoint AND e.closed_at IS NULL $$;

-- Which organizations have something to send.
CREATE FUNCTION lookup_due_webhooks(moment timestamptz) RETURNS TABLE (organization_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT DISTINCT d.organization_id FROM webhook_deliveries d
        WHERE d.state = 'PENDING' AND d.next_at <= moment
          AND (d.claimed_until IS NULL OR d.claimed_until <= moment) $$;
