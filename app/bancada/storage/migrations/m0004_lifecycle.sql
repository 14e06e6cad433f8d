-- Who answers for a model: tags, names that point to a version, stages with who and why.

CREATE TABLE model_tags (
    model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    tag TEXT NOT NULL CHECK (tag != ''),
    PRIMARY KEY (model_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_aliases ( -- names such as "production" that point to one version of a model
    model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    alias TEXT NOT NULL CHECK (alias != ''),
    version_id TEXT NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    set_at TEXT NOT NULL,
    PRIMARY KEY (model_id, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_aliases_by_version ON model_aliases (version_id);

CREATE TABLE stage_changes ( -- the newest of a version is its stage
    seq INTEGER PRIMARY KEY,
    version_id TEXT NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    stage TEXT NOT NULL CHECK (stage IN ('none', 'candidate', 'approved', 'retired')),
    actor TEXT NOT NULL,            -- the account that changed it
    reason TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX stage_changes_by_version ON stage_changes (version_id, seq);
