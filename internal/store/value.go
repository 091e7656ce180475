package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"residency/internal/residency"
)

// micros returns t in microseconds since 1970 UTC, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant returns the time of the microseconds, the zero time for 0.
func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// hashColumn reads a hash; no value is the zero hash.
type hashColumn residency.Hash

// Scan implements sql.Scanner.
func (h *hashColumn) Scan(v any) error {
	*h = hashColumn{}
	switch v := v.(type) {
	case nil:
		return nil
	case []byte:
		if len(v) == len(h) {
			copy(h[:], v)
			return nil
		}
	}
	return fmt.Errorf("read hash: %T is none: %w", v, ErrDamaged)
}

// list returns "($from, ..., $to)" of n placeholders.
func list(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return "(" + b.String() + ")"
}

// most values of one query: few enough for any database.
const most = 500

// jsonList returns values as one argument, for "IN "+ofList.
func jsonList[T string | int64](values []T) string {
	data, _ := json.Marshal(values) // of texts and numbers it cannot fail
	return string(data)
}

// ofList is the set of values in a jsonList that is the given argument. The text
// of a query is then the same however long the list is, and there is one value to
// bind: five hundred of them took longer to parse and to bind than to look up.
func ofList(arg int) string { return fmt.Sprintf("(SELECT value FROM json_each($%d))", arg) }

// jsonColumn reads a column of JSON into v.
type jsonColumn struct{ v any }

// Scan implements sql.Scanner.
func (c jsonColumn) Scan(v any) error {
	var data []byte
	switch v := v.(type) {
	case string:
		data = []byte(v)
	case []byte:
		data = v
	}
	if err := json.Unmarshal(data, c.v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}
