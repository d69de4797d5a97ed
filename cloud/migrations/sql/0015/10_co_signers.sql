-- Who else signed a bundle, where the trusted keys ask for more than one.
ALTER TABLE model_bundles ADD COLUMN co_signers text[] NOT NULL DEFAULT '{}';
