-- Needed while the lookup function is handed over; taken back below.
GRANT CREATE ON SCHEMA public TO kyndof_lookup;

-- Signed bundles that stations may be wished; their files lie in the object store by SHA-256.
CREATE TABLE model_bundles (
  organization_id text NOT NULL REFERENCES organizations,
  model_digest text NOT NULL CHECK (model_digest ~ '^[0-9a-f]{64}$'),
  name text NOT NULL,
  version text NOT NULL,
  release_counter integer NOT NULL CHECK (release_counter > 0),
  expires_at timestamptz NOT NULL,
  signed_by text NOT NULL,
  key_id text NOT NULL,
  size_bytes bigint NOT NULL CHECK (size_bytes > 0),
  manifest text NOT NULL,
  files jsonb NOT NULL,
  chunk_sha256 text[] NOT NULL CHECK (cardinality(chunk_sha256) > 0),
  released_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, model_digest),
  UNIQUE (organization_id, name, release_counter)
);
CREATE INDEX model_bundles_newest ON model_bundles (organization_id, released_at DESC, model_digest);

-- Versions of the keys that bundles are signed by, each signed by the roots of the one before.
CREATE TABLE model_trust (
  organization_id text NOT NULL REFERENCES organizations,
  version integer NOT NULL CHECK (version > 0),
  trust_json bytea NOT NULL,
  trust_sig bytea NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, version)
);

CREATE TABLE rollouts (
  organization_id text NOT NULL,
  rollout_id text NOT NULL CHECK (kyndof_id('rol', rollout_id)),
  model_digest text NOT NULL,
  stage text NOT NULL CHECK (stage IN ('DRAFT', 'SIGNED', 'CANARY', 'WAVE_5', 'WAVE_25', 'WAVE_100',
    'DONE', 'PAUSED', 'HALTED', 'ROLLING_BACK')),
  canary_station_id text NOT NULL,
  terms jsonb NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  stage_at timestamptz NOT NULL,
  approved_by text NOT NULL DEFAULT '',
  approved_at timestamptz,
  paused_stage text,
  paused_at timestamptz,
  shift text NOT NULL CHECK (shift IN ('UNDECIDED', 'SAME', 'RISEN')),
  code text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  PRIMARY KEY (organization_id, rollout_id),
  FOREIGN KEY (organization_id, model_digest) REFERENCES model_bundles,
  CONSTRAINT rollouts_are_approved CHECK
    (approved_at IS NOT NULL OR stage IN ('DRAFT', 'HALTED')),
  CONSTRAINT rollouts_pause CHECK
    ((stage = 'PAUSED') = (paused_stage IS NOT NULL AND paused_at IS NOT NULL))
);
CREATE INDEX rollouts_newest ON rollouts (organization_id, created_at DESC, rollout_id);
-- Begins with the moment, because open rollouts are looked for before any organization is set.
CREATE INDEX rollouts_open ON rollouts (stage_at, organization_id, rollout_id)
  WHERE stage IN ('CANARY', 'WAVE_5', 'WAVE_25', 'WAVE_100', 'PAUSED', 'ROLLING_BACK');

CREATE TABLE rollout_stations (
  organization_id text NOT NULL,
  rollout_id text NOT NULL,
  station_id text NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  wave text NOT NULL CHECK (wave IN ('CANARY', 'WAVE_5', 'WAVE_25', 'WAVE_100')),
  previous_digest text NOT NULL DEFAULT '',
  assigned_at timestamptz,
  deadline_at timestamptz,
  generation bigint NOT NULL DEFAULT 0,
  withdrawn boolean NOT NULL DEFAULT false,
  state text NOT NULL DEFAULT '' CHECK (state IN ('', 'ASSIGNED', 'DOWNLOADING', 'VERIFIED', 'STAGED',
    'SELF_TEST', 'SHADOW', 'TRIAL', 'COMMITTED', 'ROLLING_BACK', 'ROLLED_BACK', 'REJECTED', 'FAILED')),
  code text NOT NULL DEFAULT '',
  garments bigint NOT NULL DEFAULT 0 CHECK (garments >= 0),
  rejects bigint NOT NULL DEFAULT 0 CHECK (rejects >= 0),
  errors bigint NOT NULL DEFAULT 0 CHECK (errors >= 0),
  overrides bigint NOT NULL DEFAULT 0 CHECK (overrides >= 0),
  observed_generation bigint NOT NULL DEFAULT 0,
  reported_at timestamptz,
  PRIMARY KEY (organization_id, rollout_id, station_id),
  UNIQUE (organization_id, rollout_id, position),
  FOREIGN KEY (organization_id, rollout_id) REFERENCES rollouts,
  FOREIGN KEY (organization_id, station_id) REFERENCES stations
);
CREATE INDEX rollout_stations_by_station ON rollout_stations (organization_id, station_id);

-- What a station is to have beside its work, and what decides there by its own word.
ALTER TABLE station_wishes
  ADD COLUMN model_digest text NOT NULL DEFAULT '',
  ADD COLUMN rollout_id text NOT NULL DEFAULT '',
  ADD COLUMN trial_rules jsonb,
  ADD COLUMN running_digest text NOT NULL DEFAULT '',
  ADD COLUMN model_observed_at timestamptz;
CREATE INDEX station_wishes_model ON station_wishes (organization_id, model_digest)
  WHERE model_digest <> '';

-- What a bundle decided at a station since it came there.
CREATE INDEX inspections_bundle
  ON inspections (organization_id, station_id, bundle_digest, inspected_at);

CREATE FUNCTION open_rollouts() RETURNS TABLE (organization_id text, rollout_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT r.organization_id, r.rollout_id FROM rollouts r
        WHERE r.stage IN ('CANARY', 'WAVE_5', 'WAVE_25', 'WAVE_100', 'PAUSED', 'ROLLING_BACK')
        ORDER BY r.stage_at $$;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['model_bundles', 'model_trust', 'rollouts', 'rollout_stations']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON model_bundles, model_trust TO kyndof_app;
GRANT SELECT, INSERT, UPDATE ON rollouts, rollout_stations TO kyndof_app;

REVOKE ALL ON FUNCTION open_rollouts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_rollouts() TO kyndof_app;
ALTER FUNCTION open_rollouts() OWNER TO kyndof_lookup;
GRANT SELECT ON rollouts TO kyndof_lookup;
CREATE POLICY lookup ON rollouts FOR SELECT TO kyndof_lookup USING (true);
REVOKE CREATE ON SCHEMA public FROM kyndof_lookup;
