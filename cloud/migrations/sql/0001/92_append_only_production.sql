-- Specs, inspections and people's words are never rewritten, decisions neither.
REVOKE UPDATE, DELETE ON specs, inspections, inspection_corrections, piece_decisions FROM kyndof_app;
REVOKE DELETE ON work_orders, steps, pieces, step_runs FROM kyndof_app;
