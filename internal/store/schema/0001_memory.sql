-- The memory of runs. The text is understood by SQLite and by PostgreSQL; only
-- {clustered}, which keeps a table's rows in the order of its key, is replaced
-- ("WITHOUT ROWID" in SQLite, nothing elsewhere). Times are microseconds since
-- 1970 UTC, 0 for none. Texts are compared byte by byte (COLLATE "C").

-- Packed bytes, once each: sights, judgements, locations, packets, parts of run
-- headers, scopes, records. They are found by tag, the first 48 bits of their
-- SHA-256: an index of whole hashes would be three times as large, and each
-- new body dirties another page of it.
CREATE TABLE bodies (
	id   INTEGER PRIMARY KEY,
	tag  BIGINT NOT NULL,
	hash BYTEA NOT NULL,
	kind INTEGER NOT NULL,
	data BYTEA NOT NULL,
	refs BYTEA -- hashes of the bodies it names, one after the other
);
CREATE INDEX bodies_tag ON bodies (tag);

CREATE TABLE endpoints (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE, -- Endpoint.Key
	data TEXT NOT NULL         -- JSON
);

CREATE TABLE runs (
	seq        INTEGER PRIMARY KEY,
	id         TEXT NOT NULL UNIQUE,
	at         BIGINT NOT NULL,
	started    BIGINT NOT NULL,
	finished   BIGINT NOT NULL, -- 0 while under way
	partial    BOOLEAN NOT NULL,
	partial_by TEXT NOT NULL,
	timing     TEXT NOT NULL,   -- JSON
	rounds     INTEGER NOT NULL,
	changed    INTEGER NOT NULL, -- rounds that differed from the one before
	setting    BYTEA NOT NULL,  -- bodies
	seen       BYTEA NOT NULL,
	outcome    BYTEA NOT NULL,
	scope      BYTEA,           -- body: the endpoints covered
	leaf       INTEGER          -- number of its leaf in the log
);

-- What the batches of the run under way covered.
CREATE TABLE run_parts (
	seq      INTEGER NOT NULL REFERENCES runs (seq),
	part     INTEGER NOT NULL,
	saved_at BIGINT NOT NULL,
	changed  INTEGER NOT NULL,
	scope    BYTEA NOT NULL,
	PRIMARY KEY (seq, part)
);

-- Stretches of runs in which the rounds of an endpoint stayed the same.
CREATE TABLE spans (
	endpoint   INTEGER NOT NULL REFERENCES endpoints (id),
	first_seq  INTEGER NOT NULL,
	last_seq   INTEGER NOT NULL, -- 0 while open
	first_at   BIGINT NOT NULL,
	last_at    BIGINT NOT NULL,
	sight      BYTEA NOT NULL,   -- bodies
	judgement  BYTEA NOT NULL,
	packets    BYTEA NOT NULL,   -- body: of the first round
	latest     BYTEA,            -- hash of the last packets kept besides; a body once the span has ended
	latest_seq INTEGER NOT NULL,
	latest_at  BIGINT NOT NULL,
	pruned     BOOLEAN NOT NULL, -- its bodies may be gone; the hashes stay
	PRIMARY KEY (endpoint, first_seq)
) {clustered};
CREATE INDEX spans_first ON spans (first_seq);

-- The last packets kept of open spans.
CREATE TABLE latest_packets (
	endpoint INTEGER PRIMARY KEY REFERENCES endpoints (id),
	hash     BYTEA NOT NULL,
	data     BYTEA NOT NULL
);

-- The latest cells that are not plainly inside, a row an endpoint.
CREATE TABLE cells (
	endpoint INTEGER PRIMARY KEY REFERENCES endpoints (id),
	seq      INTEGER NOT NULL,
	data     BYTEA NOT NULL -- packed JSON
);

CREATE TABLE claims (
	id           TEXT PRIMARY KEY,
	standing     TEXT NOT NULL,
	since        BIGINT NOT NULL,
	broken_since BIGINT NOT NULL,
	last_outside BIGINT NOT NULL,
	seq          INTEGER NOT NULL -- the run that judged it last
);

CREATE TABLE findings (
	id         TEXT PRIMARY KEY, -- Finding.Key
	endpoint   TEXT NOT NULL,    -- Endpoint.Key
	vendor     TEXT NOT NULL,
	claim      TEXT NOT NULL,
	market     TEXT NOT NULL,
	opened     BIGINT NOT NULL,
	closed     BIGINT NOT NULL,  -- 0 while open
	closed_as  TEXT NOT NULL,
	people_seq INTEGER NOT NULL, -- the last run begun when somebody last said something of it
	data       TEXT NOT NULL     -- JSON
);
CREATE INDEX findings_endpoint ON findings (endpoint);
CREATE INDEX findings_closed ON findings (closed);

-- What was told of each subject that is no finding.
CREATE TABLE subjects (
	name TEXT PRIMARY KEY, -- Told.Subject
	data TEXT NOT NULL     -- JSON
);

-- What is to be told. n counts in the order of saving, whatever the clock did.
CREATE TABLE alerts (
	n          INTEGER PRIMARY KEY,
	id         TEXT NOT NULL UNIQUE,
	at         BIGINT NOT NULL,
	not_before BIGINT NOT NULL,
	kind       TEXT NOT NULL,
	topic      TEXT NOT NULL, -- Alert.Group
	vendor     TEXT NOT NULL,
	claim      TEXT NOT NULL,
	data       BYTEA NOT NULL -- packed JSON
);

CREATE TABLE channels (
	name    TEXT PRIMARY KEY,
	since   BIGINT NOT NULL,  -- of the alerts up to heard, those made before it are not told
	heard   INTEGER NOT NULL, -- the last alert when the channel was first heard of
	settled INTEGER NOT NULL  -- every alert up to this one is told or passed over
);

CREATE TABLE deliveries (
	id      TEXT PRIMARY KEY, -- Notification.Key
	channel TEXT NOT NULL,
	topic   TEXT NOT NULL,
	fixed   BIGINT NOT NULL,
	state   TEXT NOT NULL,    -- waiting, taken, parked
	due     BIGINT NOT NULL,
	lease   BIGINT NOT NULL,
	tries   INTEGER NOT NULL,
	data    BYTEA NOT NULL    -- packed JSON of the notification, without its alerts
);
CREATE INDEX deliveries_state ON deliveries (state, channel, fixed);

-- Which alert went where; an empty delivery: not for that channel.
CREATE TABLE told (
	channel  TEXT NOT NULL,
	alert    INTEGER NOT NULL REFERENCES alerts (n),
	delivery TEXT NOT NULL,
	PRIMARY KEY (channel, alert)
) {clustered};
CREATE INDEX told_delivery ON told (delivery);

CREATE TABLE receipts (
	delivery TEXT NOT NULL REFERENCES deliveries (id),
	try      INTEGER NOT NULL,
	at       BIGINT NOT NULL,
	taken    BOOLEAN NOT NULL,
	detail   TEXT NOT NULL,
	PRIMARY KEY (delivery, try)
) {clustered};

CREATE TABLE memos (
	name TEXT PRIMARY KEY,
	data TEXT NOT NULL -- JSON
);

-- The evidence log: leaves, and the hashes of its tree in the order in which
-- they are made.
CREATE TABLE leaves (
	n    INTEGER PRIMARY KEY,
	data BYTEA NOT NULL
);
CREATE TABLE hashes (
	n    INTEGER PRIMARY KEY,
	hash BYTEA NOT NULL
);
CREATE TABLE checkpoints (
	size  INTEGER PRIMARY KEY,
	root  BYTEA NOT NULL,
	at    BIGINT NOT NULL,
	note  BYTEA NOT NULL,
	stamp BYTEA
);

-- What is recorded besides runs: the body is in bodies, the leaf in leaves.
CREATE TABLE records (
	n    INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	at   BIGINT NOT NULL,
	who  TEXT NOT NULL,
	body BYTEA NOT NULL,
	leaf INTEGER
);

-- What was deleted because it had grown old: all runs before the given one.
CREATE TABLE prunings (
	n      INTEGER PRIMARY KEY,
	before INTEGER NOT NULL, -- the first run that was not touched
	at     BIGINT NOT NULL
);
