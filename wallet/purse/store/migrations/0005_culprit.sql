-- Whom a piece of evidence names: the revocation id, for two banks may give their customers one wallet id. Null for what
-- came before this was noted, as 'kind' is.

ALTER TABLE evidence ADD COLUMN culprit BLOB;
DROP INDEX evidence_by_wallet;
DROP INDEX evidence_unnamed;
CREATE INDEX evidence_by_culprit ON evidence (culprit, kind);
CREATE INDEX evidence_unnamed ON evidence (first) WHERE culprit IS NULL;
