-- A certificate that renews another one; the former ends when the new one is seen in use.
ALTER TABLE station_certificates
  ADD COLUMN renews text CHECK (renews ~ '^[0-9a-f]{2,40}$'),
  ADD COLUMN seen_at timestamptz;
CREATE INDEX station_certificates_renews ON station_certificates (organization_id, renews)
  WHERE renews IS NOT NULL;
