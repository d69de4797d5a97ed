-- Facts and the audit chain are appended, never changed.
REVOKE UPDATE, DELETE ON events, audit_log FROM kyndof_app;
REVOKE DELETE ON organization_heads FROM kyndof_app;
