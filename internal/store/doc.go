// Package store remembers: runs, what they showed, what was judged, findings,
// what is to be told and to whom it was, and the evidence log, all in one
// SQLite file.
//
//	s, err := store.Open(ctx, "residency.db", store.Options{Now: time.Now})
//	seq, err := s.Begin(ctx, run)
//	known, err := s.Recall(ctx, keys, run.At.Add(-window))
//	err = s.Save(ctx, seq, batch) // again and again
//	err = s.End(ctx, seq, residency.RunEnd{Run: run})
//
// # What costs what
//
// Only change is written. A round that shows what the round before it showed
// writes no row: its span stays open, and the run keeps one list of the
// endpoints that it covered, which it shares with every run that covered the
// same. "We looked and saw nothing new" is so a fact in the store without a row
// for each endpoint. What was seen, what was judged and each location are kept
// once, under their SHA-256; bodies of one kind that are saved together are
// compressed together, some dozen in a block.
//
// The raw packets differ from round to round. Those of the first round of a
// span stay. Those of the latest one are overwritten: in every run for the
// first 1,000 endpoints of the run that did not change, and once a day for the
// others, each at an hour of its own.
//
// # Who may do what at the same time
//
// One run is under way at a time, over all processes that share the file: Begin
// takes a lock that the kernel drops when the process dies (flock on a file
// beside the store; on systems without it the lock is a file that a killed
// process leaves behind, and a person has to remove). Everything else may
// happen at any time, from any process on the same machine: readers see the
// last whole transaction. The file must not lie on a network file system.
//
// # What lasts
//
// What returned without an error is on disk (WAL with synchronous=FULL). What
// returned an error has left nothing behind. A store that is damaged is never
// replaced by an empty one: the error says so, and names the commands that
// check and restore it.
package store
