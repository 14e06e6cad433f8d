-- Words follow MLflow where it has one. Ids are ULIDs. Times are ISO 8601 UTC text; durations are numbers.

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value))
) STRICT;

CREATE TABLE blobs (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    size_bytes INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('present', 'missing', 'damaged')),
    -- what the file looked like when its hash was last verified; unchanged means: no need to hash again
    verified_mtime_ns INTEGER,
    verified_inode INTEGER,
    verified_at TEXT,
    put_by INTEGER,                -- process id of who stored it; no garbage while that one lives
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE models (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    notes TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,       -- the order of starting, whatever the clock says
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    job_id TEXT REFERENCES jobs (id) ON DELETE SET NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'failed', 'canceled')),
    params TEXT NOT NULL CHECK (json_valid(params)),
    environment TEXT NOT NULL CHECK (json_valid(environment)),
    summary TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(summary)),
    started_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;
CREATE INDEX runs_by_kind ON runs (kind, seq);
CREATE INDEX runs_by_job ON runs (job_id);

CREATE TABLE model_versions (
    id TEXT PRIMARY KEY,
    model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    format TEXT NOT NULL,
    architecture TEXT NOT NULL,
    quantization TEXT NOT NULL,
    parameters INTEGER NOT NULL,
    bits_per_weight REAL NOT NULL,
    layers INTEGER NOT NULL,
    context_length INTEGER NOT NULL,
    license TEXT NOT NULL,
    chat_template TEXT,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,          -- of the one file, or of the sorted "sha256  path" list of a folder
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    warnings TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warnings)),
    source TEXT NOT NULL,
    parent_version_id TEXT REFERENCES model_versions (id) ON DELETE SET NULL,
    produced_by_run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
    crashes INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    UNIQUE (model_id, version)
) STRICT;
CREATE INDEX model_versions_by_sha256 ON model_versions (sha256);
CREATE INDEX model_versions_by_parent ON model_versions (parent_version_id);
CREATE INDEX model_versions_by_run ON model_versions (produced_by_run_id);

CREATE TABLE model_files (
    version_id TEXT NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    path TEXT NOT NULL,            -- relative, with forward slashes
    sha256 TEXT NOT NULL REFERENCES blobs (sha256),
    PRIMARY KEY (version_id, path)
) STRICT;
CREATE INDEX model_files_by_blob ON model_files (sha256);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    params TEXT NOT NULL CHECK (json_valid(params)),
    status TEXT NOT NULL CHECK (
        status IN ('queued', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'interrupted')
    ),
    lane TEXT NOT NULL,
    owner TEXT,                    -- "pid:start-time" of the process that runs it
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    progress TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(progress)),
    result TEXT CHECK (result IS NULL OR json_valid(result)),
    error TEXT CHECK (error IS NULL OR json_valid(error)),
    log_tail TEXT NOT NULL DEFAULT '',
    peak_memory_bytes INTEGER,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status, created_at);

CREATE TABLE process_samples (     -- the curve of a worker, kept after its end
    owner_id TEXT NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    rss_bytes INTEGER NOT NULL,
    cpu_percent REAL NOT NULL,
    PRIMARY KEY (owner_id, elapsed_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    PRIMARY KEY (run_id, key, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES blobs (sha256),
    PRIMARY KEY (run_id, name)
) STRICT;
CREATE INDEX artifacts_by_blob ON artifacts (sha256);

CREATE TABLE conversations (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    model_version_id TEXT REFERENCES model_versions (id) ON DELETE SET NULL,
    system_prompt TEXT NOT NULL DEFAULT '',
    parameters TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(parameters)),
    leaf_message_id TEXT,          -- the end of the branch that is shown
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    touched INTEGER NOT NULL,      -- grows with every change: the order of the list, whatever the clock says
    deleted_at TEXT                -- in the trash since
) STRICT;
CREATE UNIQUE INDEX conversations_by_touch ON conversations (touched);
CREATE INDEX conversations_in_trash ON conversations (touched) WHERE deleted_at IS NOT NULL;
CREATE INDEX conversations_by_model ON conversations (model_version_id);

CREATE VIRTUAL TABLE conversations_fts USING fts5 (
    title, content = 'conversations', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER conversations_fts_insert AFTER INSERT ON conversations BEGIN
    INSERT INTO conversations_fts (rowid, title) VALUES (new.seq, new.title);
END;
CREATE TRIGGER conversations_fts_delete AFTER DELETE ON conversations BEGIN
    INSERT INTO conversations_fts (conversations_fts, rowid, title) VALUES ('delete', old.seq, old.title);
END;
CREATE TRIGGER conversations_fts_update AFTER UPDATE OF title ON conversations BEGIN
    INSERT INTO conversations_fts (conversations_fts, rowid, title) VALUES ('delete', old.seq, old.title);
    INSERT INTO conversations_fts (rowid, title) VALUES (new.seq, new.title);
END;

CREATE TABLE messages (            -- a tree: versions of an answer and edited questions are siblings
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id TEXT REFERENCES messages (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('streaming', 'complete', 'stopped', 'failed', 'interrupted')),
    error TEXT CHECK (error IS NULL OR json_valid(error)),
    model_version_id TEXT REFERENCES model_versions (id) ON DELETE SET NULL,
    request_id TEXT,
    tokens TEXT CHECK (tokens IS NULL OR json_valid(tokens)), -- probabilities, when they were asked for
    rating INTEGER CHECK (rating IN (-1, 1)),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_conversation ON messages (conversation_id, seq);
CREATE INDEX messages_by_parent ON messages (parent_id);
CREATE INDEX messages_by_model ON messages (model_version_id);
CREATE INDEX messages_unfinished ON messages (status) WHERE status = 'streaming';

CREATE VIRTUAL TABLE messages_fts USING fts5 (
    content, content = 'messages', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts (rowid, content) VALUES (new.seq, new.content);
END;
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', old.seq, old.content);
END;
CREATE TRIGGER messages_fts_update AFTER UPDATE OF content ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', old.seq, old.content);
    INSERT INTO messages_fts (rowid, content) VALUES (new.seq, new.content);
END;

CREATE TABLE requests (            -- every generation, from wherever it was asked
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    model_version_id TEXT REFERENCES model_versions (id) ON DELETE SET NULL,
    purpose TEXT NOT NULL,         -- chat, bench, tour ...
    outcome TEXT NOT NULL CHECK (outcome IN ('finished', 'canceled', 'failed')),
    stop_reason TEXT,
    seed INTEGER,
    prompt_tokens INTEGER,
    cached_tokens INTEGER,
    completion_tokens INTEGER,
    queue_ms REAL,
    prefill_ms REAL,
    ttft_ms REAL,
    decode_ms REAL,
    total_ms REAL,
    prefill_tokens_per_s REAL,
    decode_tokens_per_s REAL,
    peak_memory_bytes INTEGER,
    params TEXT NOT NULL CHECK (json_valid(params)),
    error TEXT CHECK (error IS NULL OR json_valid(error)),
    started_at TEXT NOT NULL
) STRICT;
CREATE INDEX requests_by_model ON requests (model_version_id, seq);

CREATE TABLE presets (             -- named sampling parameters of the Playground
    name TEXT PRIMARY KEY,
    parameters TEXT NOT NULL CHECK (json_valid(parameters)),
    system_prompt TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE drafts (
    key TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    facts TEXT NOT NULL CHECK (json_valid(facts)),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE calibrations (        -- measured engine settings of a model on a device
    device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    model_sha256 TEXT NOT NULL,
    engine TEXT NOT NULL,          -- name and version: another build measures anew
    settings TEXT NOT NULL CHECK (json_valid(settings)),
    measured TEXT NOT NULL CHECK (json_valid(measured)),
    created_at TEXT NOT NULL,
    PRIMARY KEY (device_id, model_sha256, engine)
) STRICT;

CREATE TABLE events (              -- the audit log: append-only, each row holds the hash of the one before
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL CHECK (json_valid(detail)),
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
