-- Needed while the lookup function is handed over; taken back below.
GRANT CREATE ON SCHEMA public TO kyndof_lookup;

-- A held command may first wait for advice (consulting), and after its approval for the end of
-- the time in which the approver may take the word back (approved).
ALTER TABLE approvals DROP CONSTRAINT approvals_state_check;
ALTER TABLE approvals ADD CONSTRAINT approvals_state_check CHECK (state IN
  ('consulting', 'pending', 'approved', 'executed', 'rejected', 'expired', 'failed', 'withdrawn'));
ALTER TABLE approvals
  ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  ADD COLUMN approval_needed boolean NOT NULL DEFAULT true,
  ADD COLUMN requester_letter text NOT NULL DEFAULT '',
  ADD COLUMN escalated_at timestamptz,
  ADD COLUMN execute_at timestamptz;
DROP INDEX approvals_open;
CREATE INDEX approvals_open ON approvals (organization_id, requested_at, approval_id)
  WHERE state IN ('consulting', 'pending', 'approved');
CREATE INDEX approvals_by_requester ON approvals (organization_id, requester, requested_at);

-- What was changed in a held command before it was decided, field by field.
CREATE TABLE approval_changes (
  organization_id text NOT NULL,
  approval_id text NOT NULL,
  revision integer NOT NULL CHECK (revision > 1),
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL,
  reason text NOT NULL,
  differences jsonb NOT NULL,
  payload_hash text NOT NULL,
  PRIMARY KEY (organization_id, approval_id, revision),
  FOREIGN KEY (organization_id, approval_id) REFERENCES approvals
);

-- Who is asked for advice on a held command, and what they answered.
CREATE TABLE approval_advice (
  organization_id text NOT NULL,
  approval_id text NOT NULL,
  login text NOT NULL,
  asked_at timestamptz NOT NULL,
  advice text,
  given_at timestamptz,
  PRIMARY KEY (organization_id, approval_id, login),
  FOREIGN KEY (organization_id, approval_id) REFERENCES approvals
);

-- A leave that ended before its time.
ALTER TABLE absences ADD COLUMN ended_at timestamptz;

CREATE INDEX delegations_by_giver ON delegations (organization_id, giver, ends_at);

-- Work given to a person in a position, which counts as absent for it while the answer is overdue.
CREATE TABLE work_assignments (
  organization_id text NOT NULL REFERENCES organizations,
  assignment_id text NOT NULL CHECK (kyndof_id('asg', assignment_id)),
  domain text NOT NULL,
  action text NOT NULL,
  resource text NOT NULL,
  fields jsonb NOT NULL,
  position text NOT NULL,
  assignee text NOT NULL,
  letter text NOT NULL CHECK (letter IN ('R', 'A', 'B')),
  assigned_by text NOT NULL,
  assigned_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL CHECK (due_at > assigned_at),
  state text NOT NULL CHECK (state IN ('open', 'silent', 'answered')),
  answered_at timestamptz,
  PRIMARY KEY (organization_id, assignment_id)
);
CREATE INDEX work_assignments_silent ON work_assignments (organization_id, action)
  WHERE state = 'silent';
CREATE INDEX work_assignments_by_assignee ON work_assignments (organization_id, assignee, assigned_at);

-- What must happen at a moment, whatever process is alive then.
CREATE TABLE timers (
  organization_id text NOT NULL REFERENCES organizations,
  timer_id text NOT NULL CHECK (kyndof_id('tmr', timer_id)),
  kind text NOT NULL CHECK (kind IN
    ('approval_due', 'approval_expiry', 'approval_execution', 'consultation_end', 'work_silence')),
  subject_id text NOT NULL,
  due_at timestamptz NOT NULL,
  fired_at timestamptz,
  outcome text,
  PRIMARY KEY (organization_id, timer_id)
);
-- Begins with the moment, because due timers are looked for before any organization is set.
CREATE INDEX timers_due ON timers (due_at, organization_id, timer_id) WHERE fired_at IS NULL;

CREATE FUNCTION due_timers(moment timestamptz, largest_count integer)
  RETURNS TABLE (organization_id text, timer_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT t.organization_id, t.timer_id FROM timers t
        WHERE t.fired_at IS NULL AND t.due_at <= moment
        ORDER BY t.due_at LIMIT largest_count $$;
