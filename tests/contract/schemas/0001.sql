-- The schema at revision 0001, by `make schema`; partitions of single months left out.
CREATE SCHEMA public;
ALTER SCHEMA public OWNER TO pg_database_owner;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE FUNCTION public.kyndof_id(prefix text, value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (value ~ (('^'::text || prefix) || '_[0-9A-HJKMNP-TV-Z]{26}$'::text));
ALTER FUNCTION public.kyndof_id(prefix text, value text) OWNER TO kyndof_owner;
CREATE FUNCTION public.kyndof_organization() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('kyndof.organization'::text, true), ''::text);
ALTER FUNCTION public.kyndof_organization() OWNER TO kyndof_owner;
CREATE FUNCTION public.lookup_api_key(hash bytea) RETURNS TABLE(organization_id text, login text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public'
    AS $$ SELECT k.organization_id, k.login FROM api_keys k
        WHERE k.key_hash = hash AND k.revoked_at IS NULL $$;
ALTER FUNCTION public.lookup_api_key(hash bytea) OWNER TO kyndof_lookup;
CREATE FUNCTION public.lookup_join_token(hash bytea) RETURNS TABLE(organization_id text, station_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public'
    AS $$ SELECT t.organization_id, t.station_id FROM join_tokens t WHERE t.token_hash = hash $$;
ALTER FUNCTION public.lookup_join_token(hash bytea) OWNER TO kyndof_lookup;
CREATE FUNCTION public.lookup_login_link(hash bytea) RETURNS TABLE(organization_id text, login text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public'
    AS $$ SELECT l.organization_id, l.login FROM login_links l WHERE l.token_hash = hash $$;
ALTER FUNCTION public.lookup_login_link(hash bytea) OWNER TO kyndof_lookup;
CREATE FUNCTION public.lookup_projection_backlog() RETURNS TABLE(organization_id text, station_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public'
    AS $$ SELECT DISTINCT c.organization_id, c.station_id
        FROM station_cursors c
        LEFT JOIN station_projections p USING (organization_id, station_id, epoch, stream)
        WHERE c.committed_seq > coalesce(p.projected_seq, 0) $$;
ALTER FUNCTION public.lookup_projection_backlog() OWNER TO kyndof_lookup;
CREATE FUNCTION public.lookup_web_session(hash bytea) RETURNS TABLE(organization_id text, login text, expires_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public'
    AS $$ SELECT s.organization_id, s.login, s.expires_at FROM web_sessions s
        WHERE s.session_hash = hash AND s.ended_at IS NULL $$;
ALTER FUNCTION public.lookup_web_session(hash bytea) OWNER TO kyndof_lookup;
CREATE FUNCTION public.unheard_organizations(subscriber_name text) RETURNS TABLE(organization_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public'
    AS $$ SELECT h.organization_id FROM organization_heads h
        LEFT JOIN subscriber_cursors c
          ON c.organization_id = h.organization_id AND c.subscriber = subscriber_name
        WHERE h.event_sequence > coalesce(c.sequence, 0) $$;
ALTER FUNCTION public.unheard_organizations(subscriber_name text) OWNER TO kyndof_lookup;
CREATE TABLE public.absences (
    organization_id text NOT NULL,
    absence_id text NOT NULL,
    login text NOT NULL,
    begins_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    CONSTRAINT absences_absence_id_check CHECK (public.kyndof_id('abs'::text, absence_id)),
    CONSTRAINT absences_check CHECK ((ends_at > begins_at))
);
ALTER TABLE ONLY public.absences FORCE ROW LEVEL SECURITY;
ALTER TABLE public.absences OWNER TO kyndof_owner;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
ALTER TABLE public.alembic_version OWNER TO kyndof_owner;
CREATE TABLE public.api_keys (
    organization_id text NOT NULL,
    key_id text NOT NULL,
    key_hash bytea NOT NULL,
    name text NOT NULL,
    login text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_key_id_check CHECK (public.kyndof_id('key'::text, key_id))
);
ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE public.api_keys OWNER TO kyndof_owner;
CREATE TABLE public.approvals (
    organization_id text NOT NULL,
    approval_id text NOT NULL,
    action text NOT NULL,
    domain text NOT NULL,
    payload jsonb NOT NULL,
    payload_hash text NOT NULL,
    spec_version text,
    requester text NOT NULL,
    requester_source text NOT NULL,
    requester_session text,
    policy_version text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_by text,
    decided_at timestamp with time zone,
    decision_reason text,
    CONSTRAINT approvals_approval_id_check CHECK (public.kyndof_id('apr'::text, approval_id)),
    CONSTRAINT approvals_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'executed'::text, 'rejected'::text, 'expired'::text, 'failed'::text])))
);
ALTER TABLE ONLY public.approvals FORCE ROW LEVEL SECURITY;
ALTER TABLE public.approvals OWNER TO kyndof_owner;
CREATE TABLE public.audit_log (
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    user_login text NOT NULL,
    source text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    outcome text NOT NULL,
    trace_id text NOT NULL,
    metadata json NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_log_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT audit_log_sequence_check CHECK ((sequence > 0))
);
ALTER TABLE ONLY public.audit_log FORCE ROW LEVEL SECURITY;
ALTER TABLE public.audit_log OWNER TO kyndof_owner;
CREATE TABLE public.delegations (
    organization_id text NOT NULL,
    delegation_id text NOT NULL,
    giver text NOT NULL,
    taker text NOT NULL,
    actions text[] NOT NULL,
    ids text[] DEFAULT '{}'::text[] NOT NULL,
    largest_amount bigint,
    begins_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT delegations_actions_check CHECK ((cardinality(actions) > 0)),
    CONSTRAINT delegations_check CHECK ((taker <> giver)),
    CONSTRAINT delegations_check1 CHECK ((ends_at > begins_at)),
    CONSTRAINT delegations_delegation_id_check CHECK (public.kyndof_id('del'::text, delegation_id))
);
ALTER TABLE ONLY public.delegations FORCE ROW LEVEL SECURITY;
ALTER TABLE public.delegations OWNER TO kyndof_owner;
CREATE TABLE public.events (
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    payload jsonb NOT NULL,
    trace_id text DEFAULT ''::text NOT NULL,
    CONSTRAINT events_event_id_check CHECK (public.kyndof_id('evt'::text, event_id)),
    CONSTRAINT events_sequence_check CHECK ((sequence > 0)),
    CONSTRAINT events_type_check CHECK ((type ~ '^[a-z][a-z0-9_]*$'::text))
);
ALTER TABLE ONLY public.events FORCE ROW LEVEL SECURITY;
ALTER TABLE public.events OWNER TO kyndof_owner;
CREATE TABLE public.idempotency_keys (
    organization_id text NOT NULL,
    user_login text NOT NULL,
    key text NOT NULL,
    payload_hash text NOT NULL,
    result jsonb,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200)))
);
ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE public.idempotency_keys OWNER TO kyndof_owner;
CREATE TABLE public.inspection_corrections (
    organization_id text NOT NULL,
    inspection_id text NOT NULL,
    "position" integer NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    changes jsonb NOT NULL,
    corrected_by text NOT NULL,
    corrected_at timestamp with time zone NOT NULL,
    CONSTRAINT inspection_corrections_position_check CHECK (("position" > 0)),
    CONSTRAINT inspection_corrections_verdict_check CHECK ((verdict = ANY (ARRAY['PASS'::text, 'FAIL'::text, 'REVIEW'::text])))
);
ALTER TABLE ONLY public.inspection_corrections FORCE ROW LEVEL SECURITY;
ALTER TABLE public.inspection_corrections OWNER TO kyndof_owner;
CREATE TABLE public.inspections (
    organization_id text NOT NULL,
    inspection_id text NOT NULL,
    piece_id text NOT NULL,
    step_id text NOT NULL,
    stage text NOT NULL,
    spec_version text NOT NULL,
    attempt integer NOT NULL,
    station_id text NOT NULL,
    worker text NOT NULL,
    verdict text NOT NULL,
    critical boolean NOT NULL,
    findings jsonb NOT NULL,
    measurements jsonb NOT NULL,
    stitches jsonb NOT NULL,
    anomaly_score double precision NOT NULL,
    threshold_score double precision NOT NULL,
    anomaly_map_width integer NOT NULL,
    anomaly_map_height integer NOT NULL,
    anomaly_map bytea NOT NULL,
    bundle text NOT NULL,
    bundle_digest text NOT NULL,
    style text NOT NULL,
    calibration_id text NOT NULL,
    frame_width_px integer NOT NULL,
    frame_height_px integer NOT NULL,
    reasons text[] NOT NULL,
    elapsed_ms double precision NOT NULL,
    picture_sha256 text NOT NULL,
    inspected_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT inspections_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT inspections_inspection_id_check CHECK (public.kyndof_id('ins'::text, inspection_id)),
    CONSTRAINT inspections_picture_sha256_check CHECK ((picture_sha256 ~ '^([0-9a-f]{64})?$'::text)),
    CONSTRAINT inspections_verdict_check CHECK ((verdict = ANY (ARRAY['PASS'::text, 'FAIL'::text, 'REVIEW'::text])))
);
ALTER TABLE ONLY public.inspections FORCE ROW LEVEL SECURITY;
ALTER TABLE public.inspections OWNER TO kyndof_owner;
CREATE TABLE public.join_tokens (
    organization_id text NOT NULL,
    token_hash bytea NOT NULL,
    station_id text NOT NULL,
    serial text NOT NULL,
    issued_by text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    key_sha256 bytea,
    certificate_serial text
);
ALTER TABLE ONLY public.join_tokens FORCE ROW LEVEL SECURITY;
ALTER TABLE public.join_tokens OWNER TO kyndof_owner;
CREATE TABLE public.login_links (
    organization_id text NOT NULL,
    token_hash bytea NOT NULL,
    login text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);
ALTER TABLE ONLY public.login_links FORCE ROW LEVEL SECURITY;
ALTER TABLE public.login_links OWNER TO kyndof_owner;
CREATE TABLE public.media (
    organization_id text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    content_type text NOT NULL,
    station_id text NOT NULL,
    event_id text NOT NULL,
    stored_at timestamp with time zone NOT NULL,
    CONSTRAINT media_content_type_check CHECK ((content_type = ANY (ARRAY['image/jpeg'::text, 'image/png'::text]))),
    CONSTRAINT media_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT media_size_bytes_check CHECK ((size_bytes > 0))
);
ALTER TABLE ONLY public.media FORCE ROW LEVEL SECURITY;
ALTER TABLE public.media OWNER TO kyndof_owner;
CREATE TABLE public.organization_heads (
    organization_id text NOT NULL,
    event_sequence bigint DEFAULT 0 NOT NULL,
    audit_sequence bigint DEFAULT 0 NOT NULL,
    audit_hash bytea DEFAULT '\x'::bytea NOT NULL,
    CONSTRAINT organization_heads_audit_sequence_check CHECK ((audit_sequence >= 0)),
    CONSTRAINT organization_heads_event_sequence_check CHECK ((event_sequence >= 0))
);
ALTER TABLE ONLY public.organization_heads FORCE ROW LEVEL SECURITY;
ALTER TABLE public.organization_heads OWNER TO kyndof_owner;
CREATE TABLE public.organizations (
    organization_id text NOT NULL,
    code text NOT NULL,
    name_ko text NOT NULL,
    name_en text NOT NULL,
    is_demo boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT organizations_code_check CHECK ((code ~ '^[a-z0-9-]{2,30}$'::text)),
    CONSTRAINT organizations_organization_id_check CHECK (public.kyndof_id('org'::text, organization_id))
);
ALTER TABLE public.organizations OWNER TO kyndof_owner;
CREATE TABLE public.persons (
    organization_id text NOT NULL,
    user_id text NOT NULL,
    login text NOT NULL,
    name_ko text NOT NULL,
    name_en text NOT NULL,
    badge text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT persons_badge_check CHECK ((badge ~ '^[0-9A-HJKMNP-TV-Z]{26}$'::text)),
    CONSTRAINT persons_login_check CHECK ((login ~ '^[^@\s]+@[^@\s]+$'::text)),
    CONSTRAINT persons_user_id_check CHECK (public.kyndof_id('usr'::text, user_id))
);
ALTER TABLE ONLY public.persons FORCE ROW LEVEL SECURITY;
ALTER TABLE public.persons OWNER TO kyndof_owner;
CREATE TABLE public.piece_decisions (
    organization_id text NOT NULL,
    piece_id text NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    step_id text NOT NULL,
    attempt integer NOT NULL,
    verdict text,
    inspection_id text,
    spec_version text DEFAULT ''::text NOT NULL,
    reason text NOT NULL,
    instruction_ko text DEFAULT ''::text NOT NULL,
    instruction_en text DEFAULT ''::text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    CONSTRAINT piece_decisions_kind_check CHECK ((kind = ANY (ARRAY['VERDICT'::text, 'REWORK'::text, 'ESCALATION'::text, 'OVERRIDE'::text, 'RELEASE'::text, 'SCRAP'::text]))),
    CONSTRAINT piece_decisions_position_check CHECK (("position" > 0)),
    CONSTRAINT piece_decisions_verdict_check CHECK ((verdict = ANY (ARRAY['PASS'::text, 'FAIL'::text, 'REVIEW'::text])))
);
ALTER TABLE ONLY public.piece_decisions FORCE ROW LEVEL SECURITY;
ALTER TABLE public.piece_decisions OWNER TO kyndof_owner;
CREATE TABLE public.pieces (
    organization_id text NOT NULL,
    piece_id text NOT NULL,
    work_order_id text NOT NULL,
    number integer NOT NULL,
    size text NOT NULL,
    spec_version text NOT NULL,
    state text NOT NULL,
    open_step_id text,
    attempt integer NOT NULL,
    instruction_ko text DEFAULT ''::text NOT NULL,
    instruction_en text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT pieces_number_check CHECK ((number > 0)),
    CONSTRAINT pieces_piece_id_check CHECK (public.kyndof_id('pc'::text, piece_id)),
    CONSTRAINT pieces_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'STARTED'::text, 'REVIEW'::text, 'REWORK'::text, 'DONE'::text, 'QUARANTINE'::text, 'ESCALATED'::text, 'SCRAPPED'::text])))
);
ALTER TABLE ONLY public.pieces FORCE ROW LEVEL SECURITY;
ALTER TABLE public.pieces OWNER TO kyndof_owner;
CREATE TABLE public.registry_files (
    organization_id text NOT NULL,
    path text NOT NULL,
    digest text NOT NULL,
    content text NOT NULL,
    kept_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.registry_files FORCE ROW LEVEL SECURITY;
ALTER TABLE public.registry_files OWNER TO kyndof_owner;
CREATE TABLE public.specs (
    organization_id text NOT NULL,
    spec_version text NOT NULL,
    work_order_id text NOT NULL,
    version_number integer NOT NULL,
    stages jsonb NOT NULL,
    based_on text,
    reason text DEFAULT ''::text NOT NULL,
    inspection_id text,
    gaps jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT specs_spec_version_check CHECK ((spec_version ~ '^wo_[0-9A-HJKMNP-TV-Z]{26}\.[1-9][0-9]*$'::text)),
    CONSTRAINT specs_version_number_check CHECK ((version_number > 0))
);
ALTER TABLE ONLY public.specs FORCE ROW LEVEL SECURITY;
ALTER TABLE public.specs OWNER TO kyndof_owner;
CREATE TABLE public.station_certificates (
    organization_id text NOT NULL,
    certificate_serial text NOT NULL,
    station_id text NOT NULL,
    key_sha256 bytea NOT NULL,
    certificate_pem text NOT NULL,
    not_before timestamp with time zone NOT NULL,
    not_after timestamp with time zone NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT station_certificates_certificate_serial_check CHECK ((certificate_serial ~ '^[0-9a-f]{2,40}$'::text))
);
ALTER TABLE ONLY public.station_certificates FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_certificates OWNER TO kyndof_owner;
CREATE TABLE public.station_cursors (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    epoch bigint NOT NULL,
    stream text NOT NULL,
    committed_seq bigint NOT NULL,
    digest bytea NOT NULL,
    duplicates bigint DEFAULT 0 NOT NULL,
    CONSTRAINT station_cursors_committed_seq_check CHECK ((committed_seq >= 0)),
    CONSTRAINT station_cursors_digest_check CHECK ((octet_length(digest) = 8)),
    CONSTRAINT station_cursors_stream_check CHECK ((stream = ANY (ARRAY['events'::text, 'state'::text])))
);
ALTER TABLE ONLY public.station_cursors FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_cursors OWNER TO kyndof_owner;
CREATE TABLE public.station_dead_letters (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    epoch bigint NOT NULL,
    stream text NOT NULL,
    seq bigint NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    received_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.station_dead_letters FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_dead_letters OWNER TO kyndof_owner;
CREATE TABLE public.station_disputes (
    organization_id text NOT NULL,
    event_id text NOT NULL,
    station_id text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    disputed_at timestamp with time zone NOT NULL,
    decision text,
    reason text,
    resolved_by text,
    resolved_at timestamp with time zone,
    CONSTRAINT station_disputes_decision_check CHECK ((decision = ANY (ARRAY['ACCEPTED'::text, 'REJECTED'::text]))),
    CONSTRAINT station_disputes_event_id_check CHECK (public.kyndof_id('evt'::text, event_id))
);
ALTER TABLE ONLY public.station_disputes FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_disputes OWNER TO kyndof_owner;
CREATE TABLE public.station_events (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    epoch bigint NOT NULL,
    stream text NOT NULL,
    seq bigint NOT NULL,
    standing text NOT NULL,
    event_id text,
    type text NOT NULL,
    schema_version bigint NOT NULL,
    hlc bigint NOT NULL,
    mono_ns bigint NOT NULL,
    boot_id bytea NOT NULL,
    payload bytea NOT NULL,
    media text[] NOT NULL,
    producer_id text NOT NULL,
    pseq bigint NOT NULL,
    occurred_at timestamp with time zone,
    worker text NOT NULL,
    basis text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT station_events_check CHECK (((standing = 'dead'::text) OR public.kyndof_id('evt'::text, COALESCE(event_id, ''::text)))),
    CONSTRAINT station_events_seq_check CHECK ((seq > 0)),
    CONSTRAINT station_events_standing_check CHECK ((standing = ANY (ARRAY['accepted'::text, 'repeated'::text, 'dead'::text])))
);
ALTER TABLE ONLY public.station_events FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_events OWNER TO kyndof_owner;
CREATE TABLE public.station_gaps (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    epoch bigint NOT NULL,
    stream text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    reason text NOT NULL,
    noted_at timestamp with time zone NOT NULL,
    CONSTRAINT station_gaps_check CHECK ((last_seq >= first_seq))
);
ALTER TABLE ONLY public.station_gaps FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_gaps OWNER TO kyndof_owner;
CREATE TABLE public.station_outboxes (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    epoch bigint NOT NULL,
    outbox_id text NOT NULL,
    agent_version text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    CONSTRAINT station_outboxes_epoch_check CHECK (((epoch >= 1) AND (epoch <= '4294967295'::bigint)))
);
ALTER TABLE ONLY public.station_outboxes FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_outboxes OWNER TO kyndof_owner;
CREATE TABLE public.station_projections (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    epoch bigint NOT NULL,
    stream text NOT NULL,
    projected_seq bigint NOT NULL,
    CONSTRAINT station_projections_projected_seq_check CHECK ((projected_seq >= 0))
);
ALTER TABLE ONLY public.station_projections FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_projections OWNER TO kyndof_owner;
CREATE TABLE public.station_states (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.station_states FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_states OWNER TO kyndof_owner;
CREATE TABLE public.station_wishes (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    generation bigint NOT NULL,
    work_digest text NOT NULL,
    wished_at timestamp with time zone NOT NULL,
    observed_generation bigint DEFAULT 0 NOT NULL,
    observed_digest text DEFAULT ''::text NOT NULL,
    observed_state text DEFAULT ''::text NOT NULL,
    observed_detail text DEFAULT ''::text NOT NULL,
    observed_at timestamp with time zone,
    CONSTRAINT station_wishes_generation_check CHECK ((generation > 0))
);
ALTER TABLE ONLY public.station_wishes FORCE ROW LEVEL SECURITY;
ALTER TABLE public.station_wishes OWNER TO kyndof_owner;
CREATE TABLE public.stations (
    organization_id text NOT NULL,
    station_id text NOT NULL,
    name text NOT NULL,
    stages text[] NOT NULL,
    title_ko text NOT NULL,
    title_en text NOT NULL,
    status text NOT NULL,
    serial text,
    registered_at timestamp with time zone NOT NULL,
    enrolled_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoked_reason text,
    online boolean DEFAULT false NOT NULL,
    last_seen_at timestamp with time zone,
    CONSTRAINT stations_name_check CHECK ((name ~ '^[A-Z0-9-]{2,20}$'::text)),
    CONSTRAINT stations_stages_check CHECK ((cardinality(stages) > 0)),
    CONSTRAINT stations_station_id_check CHECK (public.kyndof_id('sta'::text, station_id)),
    CONSTRAINT stations_status_check CHECK ((status = ANY (ARRAY['REGISTERED'::text, 'ENROLLED'::text, 'REVOKED'::text])))
);
ALTER TABLE ONLY public.stations FORCE ROW LEVEL SECURITY;
ALTER TABLE public.stations OWNER TO kyndof_owner;
CREATE TABLE public.step_runs (
    organization_id text NOT NULL,
    piece_id text NOT NULL,
    step_id text NOT NULL,
    attempt integer NOT NULL,
    started_at timestamp with time zone,
    started_by text DEFAULT ''::text NOT NULL,
    start_station_id text DEFAULT ''::text NOT NULL,
    start_spec_version text DEFAULT ''::text NOT NULL,
    start_unconfirmed boolean DEFAULT false NOT NULL,
    finished_at timestamp with time zone,
    finished_by text DEFAULT ''::text NOT NULL,
    finish_station_id text DEFAULT ''::text NOT NULL,
    finish_spec_version text DEFAULT ''::text NOT NULL,
    finish_unconfirmed boolean DEFAULT false NOT NULL,
    inspection_id text,
    verdict text,
    critical boolean DEFAULT false NOT NULL,
    CONSTRAINT step_runs_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT step_runs_check CHECK (((finished_at IS NULL) = (verdict IS NULL))),
    CONSTRAINT step_runs_check1 CHECK (((started_at IS NOT NULL) OR (finished_at IS NOT NULL))),
    CONSTRAINT step_runs_inspection_id_check CHECK (((inspection_id IS NULL) OR public.kyndof_id('ins'::text, inspection_id))),
    CONSTRAINT step_runs_verdict_check CHECK ((verdict = ANY (ARRAY['PASS'::text, 'FAIL'::text, 'REVIEW'::text, 'NONE'::text])))
);
ALTER TABLE ONLY public.step_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE public.step_runs OWNER TO kyndof_owner;
CREATE TABLE public.steps (
    organization_id text NOT NULL,
    step_id text NOT NULL,
    work_order_id text NOT NULL,
    "position" integer NOT NULL,
    stage text NOT NULL,
    title_ko text NOT NULL,
    title_en text NOT NULL,
    requires_quality_check boolean NOT NULL,
    guide jsonb NOT NULL,
    CONSTRAINT steps_position_check CHECK (("position" > 0)),
    CONSTRAINT steps_step_id_check CHECK (public.kyndof_id('stp'::text, step_id))
);
ALTER TABLE ONLY public.steps FORCE ROW LEVEL SECURITY;
ALTER TABLE public.steps OWNER TO kyndof_owner;
CREATE TABLE public.subscriber_cursors (
    organization_id text NOT NULL,
    subscriber text NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    last_error text,
    moved_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.subscriber_cursors FORCE ROW LEVEL SECURITY;
ALTER TABLE public.subscriber_cursors OWNER TO kyndof_owner;
CREATE TABLE public.web_sessions (
    organization_id text NOT NULL,
    session_hash bytea NOT NULL,
    login text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
ALTER TABLE ONLY public.web_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE public.web_sessions OWNER TO kyndof_owner;
CREATE TABLE public.work_orders (
    organization_id text NOT NULL,
    work_order_id text NOT NULL,
    number text NOT NULL,
    title_ko text NOT NULL,
    title_en text NOT NULL,
    style text NOT NULL,
    spec_version text NOT NULL,
    rework_limit integer NOT NULL,
    due_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT work_orders_number_check CHECK (((length(number) >= 1) AND (length(number) <= 64))),
    CONSTRAINT work_orders_rework_limit_check CHECK (((rework_limit >= 0) AND (rework_limit <= 20))),
    CONSTRAINT work_orders_work_order_id_check CHECK (public.kyndof_id('wo'::text, work_order_id))
);
ALTER TABLE ONLY public.work_orders FORCE ROW LEVEL SECURITY;
ALTER TABLE public.work_orders OWNER TO kyndof_owner;
ALTER TABLE ONLY public.absences
    ADD CONSTRAINT absences_pkey PRIMARY KEY (organization_id, absence_id);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (organization_id, key_id);
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_pkey PRIMARY KEY (organization_id, approval_id);
ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (organization_id, sequence);
ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_pkey PRIMARY KEY (organization_id, delegation_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_organization_id_event_id_key UNIQUE (organization_id, event_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (organization_id, sequence);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, user_login, key);
ALTER TABLE ONLY public.inspection_corrections
    ADD CONSTRAINT inspection_corrections_pkey PRIMARY KEY (organization_id, inspection_id, "position");
ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT inspections_pkey PRIMARY KEY (organization_id, inspection_id);
ALTER TABLE ONLY public.join_tokens
    ADD CONSTRAINT join_tokens_pkey PRIMARY KEY (organization_id, token_hash);
ALTER TABLE ONLY public.join_tokens
    ADD CONSTRAINT join_tokens_token_hash_key UNIQUE (token_hash);
ALTER TABLE ONLY public.login_links
    ADD CONSTRAINT login_links_pkey PRIMARY KEY (organization_id, token_hash);
ALTER TABLE ONLY public.login_links
    ADD CONSTRAINT login_links_token_hash_key UNIQUE (token_hash);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (organization_id, sha256);
ALTER TABLE ONLY public.organization_heads
    ADD CONSTRAINT organization_heads_pkey PRIMARY KEY (organization_id);
ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_code_key UNIQUE (code);
ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (organization_id);
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT persons_organization_id_badge_key UNIQUE (organization_id, badge);
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT persons_organization_id_login_key UNIQUE (organization_id, login);
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT persons_pkey PRIMARY KEY (organization_id, user_id);
ALTER TABLE ONLY public.piece_decisions
    ADD CONSTRAINT piece_decisions_pkey PRIMARY KEY (organization_id, piece_id, "position");
ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_organization_id_work_order_id_number_key UNIQUE (organization_id, work_order_id, number);
ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_pkey PRIMARY KEY (organization_id, piece_id);
ALTER TABLE ONLY public.registry_files
    ADD CONSTRAINT registry_files_pkey PRIMARY KEY (organization_id, path);
ALTER TABLE ONLY public.specs
    ADD CONSTRAINT specs_organization_id_work_order_id_version_number_key UNIQUE (organization_id, work_order_id, version_number);
ALTER TABLE ONLY public.specs
    ADD CONSTRAINT specs_pkey PRIMARY KEY (organization_id, spec_version);
ALTER TABLE ONLY public.station_certificates
    ADD CONSTRAINT station_certificates_pkey PRIMARY KEY (organization_id, certificate_serial);
ALTER TABLE ONLY public.station_cursors
    ADD CONSTRAINT station_cursors_pkey PRIMARY KEY (organization_id, station_id, epoch, stream);
ALTER TABLE ONLY public.station_dead_letters
    ADD CONSTRAINT station_dead_letters_pkey PRIMARY KEY (organization_id, station_id, epoch, stream, seq);
ALTER TABLE ONLY public.station_disputes
    ADD CONSTRAINT station_disputes_pkey PRIMARY KEY (organization_id, event_id);
ALTER TABLE ONLY public.station_events
    ADD CONSTRAINT station_events_pkey PRIMARY KEY (organization_id, station_id, epoch, stream, seq);
ALTER TABLE ONLY public.station_gaps
    ADD CONSTRAINT station_gaps_pkey PRIMARY KEY (organization_id, station_id, epoch, stream, first_seq);
ALTER TABLE ONLY public.station_outboxes
    ADD CONSTRAINT station_outboxes_organization_id_station_id_outbox_id_key UNIQUE (organization_id, station_id, outbox_id);
ALTER TABLE ONLY public.station_outboxes
    ADD CONSTRAINT station_outboxes_pkey PRIMARY KEY (organization_id, station_id, epoch);
ALTER TABLE ONLY public.station_projections
    ADD CONSTRAINT station_projections_pkey PRIMARY KEY (organization_id, station_id, epoch, stream);
ALTER TABLE ONLY public.station_states
    ADD CONSTRAINT station_states_pkey PRIMARY KEY (organization_id, station_id);
ALTER TABLE ONLY public.station_wishes
    ADD CONSTRAINT station_wishes_pkey PRIMARY KEY (organization_id, station_id);
ALTER TABLE ONLY public.stations
    ADD CONSTRAINT stations_pkey PRIMARY KEY (organization_id, station_id);
ALTER TABLE ONLY public.step_runs
    ADD CONSTRAINT step_runs_pkey PRIMARY KEY (organization_id, piece_id, step_id, attempt);
ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_organization_id_work_order_id_position_key UNIQUE (organization_id, work_order_id, "position");
ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (organization_id, step_id);
ALTER TABLE ONLY public.subscriber_cursors
    ADD CONSTRAINT subscriber_cursors_pkey PRIMARY KEY (organization_id, subscriber);
ALTER TABLE ONLY public.web_sessions
    ADD CONSTRAINT web_sessions_pkey PRIMARY KEY (organization_id, session_hash);
ALTER TABLE ONLY public.web_sessions
    ADD CONSTRAINT web_sessions_session_hash_key UNIQUE (session_hash);
ALTER TABLE ONLY public.work_orders
    ADD CONSTRAINT work_orders_organization_id_number_key UNIQUE (organization_id, number);
ALTER TABLE ONLY public.work_orders
    ADD CONSTRAINT work_orders_pkey PRIMARY KEY (organization_id, work_order_id);
CREATE INDEX absences_by_login ON public.absences USING btree (organization_id, login, ends_at);
CREATE INDEX approvals_open ON public.approvals USING btree (organization_id, expires_at) WHERE (state = 'pending'::text);
CREATE INDEX audit_log_by_resource ON public.audit_log USING btree (organization_id, resource, sequence);
CREATE INDEX delegations_by_taker ON public.delegations USING btree (organization_id, taker, ends_at);
CREATE INDEX inspections_picture ON public.inspections USING btree (organization_id, picture_sha256);
CREATE INDEX inspections_piece ON public.inspections USING btree (organization_id, piece_id, inspected_at);
CREATE INDEX inspections_time ON public.inspections USING btree (organization_id, inspected_at DESC);
CREATE INDEX pieces_started ON public.pieces USING btree (organization_id, state) WHERE (state <> 'DONE'::text);
CREATE INDEX station_certificates_station ON public.station_certificates USING btree (organization_id, station_id);
CREATE INDEX station_disputes_open ON public.station_disputes USING btree (organization_id, disputed_at) WHERE (resolved_at IS NULL);
CREATE UNIQUE INDEX station_events_once ON public.station_events USING btree (organization_id, event_id) WHERE (standing = 'accepted'::text);
CREATE UNIQUE INDEX stations_name ON public.stations USING btree (organization_id, name) WHERE (status <> 'REVOKED'::text);
CREATE INDEX step_runs_finished ON public.step_runs USING btree (organization_id, finished_at);
CREATE INDEX step_runs_inspection ON public.step_runs USING btree (organization_id, inspection_id);
ALTER TABLE ONLY public.absences
    ADD CONSTRAINT absences_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.inspection_corrections
    ADD CONSTRAINT inspection_corrections_organization_id_inspection_id_fkey FOREIGN KEY (organization_id, inspection_id) REFERENCES public.inspections(organization_id, inspection_id);
ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT inspections_organization_id_piece_id_fkey FOREIGN KEY (organization_id, piece_id) REFERENCES public.pieces(organization_id, piece_id);
ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT inspections_organization_id_spec_version_fkey FOREIGN KEY (organization_id, spec_version) REFERENCES public.specs(organization_id, spec_version);
ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT inspections_organization_id_step_id_fkey FOREIGN KEY (organization_id, step_id) REFERENCES public.steps(organization_id, step_id);
ALTER TABLE ONLY public.join_tokens
    ADD CONSTRAINT join_tokens_organization_id_station_id_fkey FOREIGN KEY (organization_id, station_id) REFERENCES public.stations(organization_id, station_id);
ALTER TABLE ONLY public.login_links
    ADD CONSTRAINT login_links_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.organization_heads
    ADD CONSTRAINT organization_heads_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT persons_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.piece_decisions
    ADD CONSTRAINT piece_decisions_organization_id_piece_id_fkey FOREIGN KEY (organization_id, piece_id) REFERENCES public.pieces(organization_id, piece_id);
ALTER TABLE ONLY public.piece_decisions
    ADD CONSTRAINT piece_decisions_organization_id_step_id_fkey FOREIGN KEY (organization_id, step_id) REFERENCES public.steps(organization_id, step_id);
ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_organization_id_open_step_id_fkey FOREIGN KEY (organization_id, open_step_id) REFERENCES public.steps(organization_id, step_id);
ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_organization_id_spec_version_fkey FOREIGN KEY (organization_id, spec_version) REFERENCES public.specs(organization_id, spec_version);
ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_organization_id_work_order_id_fkey FOREIGN KEY (organization_id, work_order_id) REFERENCES public.work_orders(organization_id, work_order_id);
ALTER TABLE ONLY public.registry_files
    ADD CONSTRAINT registry_files_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.specs
    ADD CONSTRAINT specs_organization_id_work_order_id_fkey FOREIGN KEY (organization_id, work_order_id) REFERENCES public.work_orders(organization_id, work_order_id);
ALTER TABLE ONLY public.station_certificates
    ADD CONSTRAINT station_certificates_organization_id_station_id_fkey FOREIGN KEY (organization_id, station_id) REFERENCES public.stations(organization_id, station_id);
ALTER TABLE ONLY public.station_outboxes
    ADD CONSTRAINT station_outboxes_organization_id_station_id_fkey FOREIGN KEY (organization_id, station_id) REFERENCES public.stations(organization_id, station_id);
ALTER TABLE ONLY public.stations
    ADD CONSTRAINT stations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.step_runs
    ADD CONSTRAINT step_runs_organization_id_piece_id_fkey FOREIGN KEY (organization_id, piece_id) REFERENCES public.pieces(organization_id, piece_id);
ALTER TABLE ONLY public.step_runs
    ADD CONSTRAINT step_runs_organization_id_step_id_fkey FOREIGN KEY (organization_id, step_id) REFERENCES public.steps(organization_id, step_id);
ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_organization_id_work_order_id_fkey FOREIGN KEY (organization_id, work_order_id) REFERENCES public.work_orders(organization_id, work_order_id);
ALTER TABLE ONLY public.web_sessions
    ADD CONSTRAINT web_sessions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE ONLY public.work_orders
    ADD CONSTRAINT work_orders_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);
ALTER TABLE public.absences ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.approvals ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.delegations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.inspection_corrections ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.inspections ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.join_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.login_links ENABLE ROW LEVEL SECURITY;
CREATE POLICY lookup ON public.api_keys FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.join_tokens FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.login_links FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.organization_heads FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.station_certificates FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.station_cursors FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.station_projections FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.subscriber_cursors FOR SELECT TO kyndof_lookup USING (true);
CREATE POLICY lookup ON public.web_sessions FOR SELECT TO kyndof_lookup USING (true);
ALTER TABLE public.media ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.organization_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.persons ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.piece_decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pieces ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.registry_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.specs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_certificates ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_cursors ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_disputes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_gaps ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_outboxes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_projections ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.station_wishes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.stations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.step_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.subscriber_cursors ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.absences USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.api_keys USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.approvals USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.audit_log USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.delegations USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.events USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.idempotency_keys USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.inspection_corrections USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.inspections USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.join_tokens USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.login_links USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.media USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.organization_heads USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.persons USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.piece_decisions USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.pieces USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.registry_files USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.specs USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_certificates USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_cursors USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_dead_letters USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_disputes USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_events USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_gaps USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_outboxes USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_projections USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_states USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.station_wishes USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.stations USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.step_runs USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.steps USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.subscriber_cursors USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.web_sessions USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
CREATE POLICY tenant ON public.work_orders USING ((organization_id = NULLIF(current_setting('kyndof.organization'::text, true), ''::text)));
ALTER TABLE public.web_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.work_orders ENABLE ROW LEVEL SECURITY;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO kyndof_app;
GRANT USAGE ON SCHEMA public TO kyndof_lookup;
REVOKE ALL ON FUNCTION public.lookup_api_key(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lookup_api_key(hash bytea) TO kyndof_app;
REVOKE ALL ON FUNCTION public.lookup_join_token(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lookup_join_token(hash bytea) TO kyndof_app;
REVOKE ALL ON FUNCTION public.lookup_login_link(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lookup_login_link(hash bytea) TO kyndof_app;
REVOKE ALL ON FUNCTION public.lookup_projection_backlog() FROM PUBLIC;
GRANT ALL ON FUNCTION public.lookup_projection_backlog() TO kyndof_app;
REVOKE ALL ON FUNCTION public.lookup_web_session(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lookup_web_session(hash bytea) TO kyndof_app;
REVOKE ALL ON FUNCTION public.unheard_organizations(subscriber_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.unheard_organizations(subscriber_name text) TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.absences TO kyndof_app;
GRANT SELECT ON TABLE public.alembic_version TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO kyndof_app;
GRANT SELECT ON TABLE public.api_keys TO kyndof_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.approvals TO kyndof_app;
GRANT SELECT,INSERT ON TABLE public.audit_log TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.delegations TO kyndof_app;
GRANT SELECT,INSERT ON TABLE public.events TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO kyndof_app;
GRANT SELECT,INSERT ON TABLE public.inspection_corrections TO kyndof_app;
GRANT SELECT,INSERT ON TABLE public.inspections TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.join_tokens TO kyndof_app;
GRANT SELECT ON TABLE public.join_tokens TO kyndof_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login_links TO kyndof_app;
GRANT SELECT ON TABLE public.login_links TO kyndof_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.media TO kyndof_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.organization_heads TO kyndof_app;
GRANT SELECT ON TABLE public.organization_heads TO kyndof_lookup;
GRANT SELECT,INSERT ON TABLE public.organizations TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.persons TO kyndof_app;
GRANT SELECT,INSERT ON TABLE public.piece_decisions TO kyndof_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.pieces TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.registry_files TO kyndof_app;
GRANT SELECT,INSERT ON TABLE public.specs TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_certificates TO kyndof_app;
GRANT SELECT ON TABLE public.station_certificates TO kyndof_lookup;
GRANT SELECT ON TABLE public.station_cursors TO kyndof_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_cursors TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_dead_letters TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_disputes TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_events TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_gaps TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_outboxes TO kyndof_app;
GRANT SELECT ON TABLE public.station_projections TO kyndof_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_projections TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_states TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.station_wishes TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stations TO kyndof_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.step_runs TO kyndof_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.steps TO kyndof_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscriber_cursors TO kyndof_app;
GRANT SELECT ON TABLE public.subscriber_cursors TO kyndof_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.web_sessions TO kyndof_app;
GRANT SELECT ON TABLE public.web_sessions TO kyndof_lookup;
GRANT SELECT,INSERT,UPDATE ON TABLE public.work_orders TO kyndof_app;
INSERT INTO public.alembic_version VALUES ('0001');
