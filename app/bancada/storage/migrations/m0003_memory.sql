-- What models really took of the memory, beside what was forecast.

CREATE TABLE memory_measurements ( -- one load of a model each, updated while its worker lives
    seq INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    engine TEXT NOT NULL,          -- name, version and processor features: another build is learned anew
    format TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    context INTEGER NOT NULL,
    cache_type TEXT NOT NULL,
    flash_attention INTEGER NOT NULL CHECK (flash_attention IN (0, 1)),
    items TEXT NOT NULL CHECK (json_valid(items)), -- the forecast's parts in bytes at filled_tokens, uncorrected
    forecast_bytes INTEGER NOT NULL, -- their sum
    corrected_bytes INTEGER NOT NULL, -- what the measurements before this load made of it
    measured_bytes INTEGER NOT NULL, -- peak of the worker's resident memory, mapped weights included
    filled_tokens INTEGER NOT NULL, -- of the context, when that peak was reached
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX memory_by_device ON memory_measurements (device_id, format, seq);
CREATE INDEX memory_by_model ON memory_measurements (model_sha256, seq);
