-- Bodies of one kind are compressed together, some dozen in a block: alone, each
-- of them costs three times the work and five times the room. How a block is
-- made up is in block.go. The rows of the table bodies are brought over, and
-- the table is dropped, by the step of this number in rebody.go.

CREATE TABLE blocks (
	id     INTEGER PRIMARY KEY,
	kind   INTEGER NOT NULL,
	hashes BYTEA NOT NULL, -- SHA-256 of its bodies, one after the other
	data   BYTEA NOT NULL  -- packed
);

-- In which block a body is, by tag: the first 48 bits of its hash. An index of
-- whole hashes would be three times as large.
CREATE TABLE body_tags (
	tag   BIGINT NOT NULL,
	block INTEGER NOT NULL,
	PRIMARY KEY (tag, block)
) {clustered};

-- The tags of some ten thousand bodies are written together, in their order:
-- those of a few would dirty as many pages. Blocks after this one have none yet;
-- they are few, and gone through one by one.
CREATE TABLE tagged (
	up_to INTEGER NOT NULL
);
INSERT INTO tagged (up_to) VALUES (0);
