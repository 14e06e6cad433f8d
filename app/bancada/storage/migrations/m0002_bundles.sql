-- Transfer bundles: whose signatures count, and what was brought in with them.

CREATE TABLE signing_keys (        -- who signs bundles: keys made here and the public halves of others
    id TEXT PRIMARY KEY CHECK (length(id) = 64), -- sha256 of the public key
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    public_key TEXT NOT NULL CHECK (length(public_key) = 64), -- Ed25519, 32 bytes in hexadecimal digits
    own INTEGER NOT NULL CHECK (own IN (0, 1)), -- its private half was made in this workspace
    trust TEXT NOT NULL CHECK (trust IN ('trusted', 'revoked')),
    expires_at TEXT,
    last_made INTEGER NOT NULL DEFAULT 0, -- sequence number of the newest bundle made here
    last_admitted INTEGER NOT NULL DEFAULT 0, -- sequence number of the newest bundle admitted here
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE bundles (             -- bundles that were brought here
    id TEXT PRIMARY KEY CHECK (length(id) = 64), -- sha256 of the manifest's bytes
    title TEXT NOT NULL,
    issuer TEXT NOT NULL,          -- the key that numbers it, empty for an unsigned one
    sequence INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('receiving', 'quarantined', 'admitted')),
    manifest TEXT NOT NULL CHECK (json_valid(manifest)), -- as it came: signatures are over these bytes
    source TEXT NOT NULL,
    receipt TEXT CHECK (receipt IS NULL OR json_valid(receipt)),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX bundles_by_time ON bundles (created_at);

CREATE TABLE bundle_signatures (
    bundle_id TEXT NOT NULL REFERENCES bundles (id) ON DELETE CASCADE,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL CHECK (length(signature) = 128), -- Ed25519, 64 bytes in hexadecimal digits
    created_at TEXT NOT NULL,
    PRIMARY KEY (bundle_id, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE bundle_files (        -- what waits in quarantine, so that it is no garbage
    bundle_id TEXT NOT NULL REFERENCES bundles (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL REFERENCES blobs (sha256),
    PRIMARY KEY (bundle_id, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX bundle_files_by_blob ON bundle_files (sha256);
