-- Where every piece is: work orders, versioned specs, steps, pieces, runs and decisions.
-- Runs and decisions are facts; the columns state, open_step_id, attempt and instruction of a piece
-- are derived from them by cloud/production/piece.py and kept for quick lists.

CREATE TABLE work_orders (
    organization_id text NOT NULL REFERENCES organizations (organization_id),
    work_order_id text NOT NULL CHECK (kyndof_id('wo', work_order_id)),
    number text NOT NULL CHECK (length(number) BETWEEN 1 AND 64),
    title_ko text NOT NULL,
    title_en text NOT NULL,
    style text NOT NULL,
    spec_version text NOT NULL,
    rework_limit integer NOT NULL CHECK (rework_limit BETWEEN 0 AND 20),
    due_at timestamptz,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    PRIMARY KEY (organization_id, work_order_id),
    UNIQUE (organization_id, number)
);

-- A spec version never changes; a design correction adds the next one.
CREATE TABLE specs (
    organization_id text NOT NULL,
    spec_version text NOT NULL CHECK (spec_version ~ '^wo_[0-9A-HJKMNP-TV-Z]{26}\.[1-9][0-9]*$'),
    work_order_id text NOT NULL,
    version_number integer NOT NULL CHECK (version_number > 0),
    stages jsonb NOT NULL,
    based_on text,
    reason text NOT NULL DEFAULT '',
    inspection_id text,
    gaps jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    PRIMARY KEY (organization_id, spec_version),
    UNIQUE (organization_id, work_order_id, version_number),
    FOREIGN KEY (organization_id, work_order_id) REFERENCES work_orders (organization_id, work_order_id)
);

CREATE TABLE steps (
    organization_id text NOT NULL,
    step_id text NOT NULL CHECK (kyndof_id('stp', step_id)),
    work_order_id text NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    stage text NOT NULL,
    title_ko text NOT NULL,
    title_en text NOT NULL,
    requires_quality_check boolean NOT NULL,
    guide jsonb NOT NULL,
    PRIMARY KEY (organization_id, step_id),
    UNIQUE (organization_id, work_order_id, position),
    FOREIGN KEY (organization_id, work_order_id) REFERENCES work_orders (organization_id, work_order_id)
);

CREATE TABLE pieces (
    organization_id text NOT NULL,
    piece_id text NOT NULL CHECK (kyndof_id('pc', piece_id)),
    work_order_id text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    size text NOT NULL,
    spec_version text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'STARTED', 'REVIEW', 'REWORK', 'DONE',
                                         'QUARANTINE', 'ESCALATED', 'SCRAPPED')),
    open_step_id text,
    attempt integer NOT NULL,
    instruction_ko text NOT NULL DEFAULT '',
    instruction_en text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, piece_id),
    UNIQUE (organization_id, work_order_id, number),
    FOREIGN KEY (organization_id, work_order_id) REFERENCES work_orders (organization_id, work_order_id),
    FOREIGN KEY (organization_id, spec_version) REFERENCES specs (organization_id, spec_version),
    FOREIGN KEY (organization_id, open_step_id) REFERENCES steps (organization_id, step_id)
);
CREATE INDEX pieces_started ON pieces (organization_id, state) WHERE state <> 'DONE';

-- One attempt at one step of one piece.
CREATE TABLE step_runs (
    organization_id text NOT NULL,
    piece_id text NOT NULL,
    step_id text NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    started_at timestamptz,
    started_by text NOT NULL DEFAULT '',
    start_station_id text NOT NULL DEFAULT '',
    start_spec_version text NOT NULL DEFAULT '',
    start_unconfirmed boolean NOT NULL DEFAULT false,
    finished_at timestamptz,
    finished_by text NOT NULL DEFAULT '',
    finish_station_id text NOT NULL DEFAULT '',
    finish_spec_version text NOT NULL DEFAULT '',
    finish_unconfirmed boolean NOT NULL DEFAULT false,
    inspection_id text CHECK (inspection_id IS NULL OR kyndof_id('ins', inspection_id)),
    verdict text CHECK (verdict IN ('PASS', 'FAIL', 'REVIEW', 'NONE')),
    critical boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, piece_id, step_id, attempt),
    FOREIGN KEY (organization_id, piece_id) REFERENCES pieces (organization_id, piece_id),
    FOREIGN KEY (organization_id, step_id) REFERENCES steps (organization_id, step_id),
    CHECK ((finished_at IS NULL) = (verdict IS NULL)),
    CHECK (started_at IS NOT NULL OR finished_at IS NOT NULL)
);
CREATE INDEX step_runs_inspection ON step_runs (organization_id, inspection_id);
CREATE INDEX step_runs_finished ON step_runs (organization_id, finished_at);

-- What people decided about a piece, in order; append-only.
CREATE TABLE piece_decisions (
    organization_id text NOT NULL,
    piece_id text NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    kind text NOT NULL CHECK (kind IN ('VERDICT', 'REWORK', 'ESCALATION', 'OVERRIDE', 'RELEASE', 'SCRAP')),
    step_id text NOT NULL,
    attempt integer NOT NULL,
    verdict text CHECK (verdict IN ('PASS', 'FAIL', 'REVIEW')),
    inspection_id text,
    spec_version text NOT NULL DEFAULT '',
    reason text NOT NULL,
    instruction_ko text NOT NULL DEFAULT '',
    instruction_en text NOT NULL DEFAULT '',
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, piece_id, position),
    FOREIGN KEY (organization_id, piece_id) REFERENCES pieces (organization_id, piece_id),
    FOREIGN KEY (organization_id, step_id) REFERENCES steps (organization_id, step_id)
);
