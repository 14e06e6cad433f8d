-- What quantization needs and what it is proven by.

CREATE TABLE importance_matrices (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    model_sha256 TEXT NOT NULL,     -- the content that it was computed with; it fits its variants too
    version_id TEXT REFERENCES model_versions (id) ON DELETE SET NULL,
    run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
    text_name TEXT NOT NULL,        -- the calibration text, for people
    text_sha256 TEXT NOT NULL,
    context INTEGER NOT NULL,       -- tokens a chunk
    chunks INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    coverage TEXT NOT NULL CHECK (json_valid(coverage)), -- tensors seen, and experts or columns never reached
    sha256 TEXT NOT NULL REFERENCES blobs (sha256), -- the file, a GGUF as the engine reads it
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX importance_matrices_by_model ON importance_matrices (model_sha256);
CREATE INDEX importance_matrices_by_version ON importance_matrices (version_id);
CREATE INDEX importance_matrices_by_run ON importance_matrices (run_id);
CREATE INDEX importance_matrices_by_blob ON importance_matrices (sha256);

CREATE TABLE certificates ( -- a file compared with the one it was made from
    id TEXT PRIMARY KEY,
    version_id TEXT NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    source_version_id TEXT REFERENCES model_versions (id) ON DELETE SET NULL,
    version_sha256 TEXT NOT NULL,   -- the very file that was measured
    source_sha256 TEXT NOT NULL,
    run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('green', 'amber', 'red')),
    report TEXT NOT NULL CHECK (json_valid(report)), -- as it was signed, byte for byte
    key_id TEXT,
    signature TEXT,                 -- Ed25519 over the report, 64 bytes in hexadecimal digits
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX certificates_by_version ON certificates (version_id);
CREATE INDEX certificates_by_source ON certificates (source_version_id);
CREATE INDEX certificates_by_run ON certificates (run_id);
