package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// cronField is one of the five fields of a cron expression.
type cronField struct {
	name   string
	lo, hi int
	names  string // names for its values, from lo on
}

// cronFields returns the fields in order.
func cronFields() [5]cronField {
	return [5]cronField{
		{"minute", 0, 59, ""},
		{"hour", 0, 23, ""},
		{"day of the month", 1, 31, ""},
		{"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
		{"day of the week", 0, 6, "sun mon tue wed thu fri sat"},
	}
}

// cronProblem says why a text is no cron expression of five fields, or nil.
// Words such as @hourly are not taken: they hide at which minute, and all the
// world asks at minute zero.
func cronProblem(expression string) error {
	fields := strings.Fields(expression)
	if len(fields) != 5 {
		return fmt.Errorf("want 5 fields, got %d", len(fields))
	}
	for i, f := range cronFields() {
		for part := range strings.SplitSeq(fields[i], ",") {
			if err := f.part(part); err != nil {
				return fmt.Errorf("%s %s: %w", f.name, quote(part), err)
			}
		}
	}
	return nil
}

// part checks one part of a field's list: a value, a range or a star, with or
// without a step.
func (f cronField) part(text string) error {
	span, step, hasStep := strings.Cut(text, "/")
	if hasStep {
		if n, err := strconv.Atoi(step); err != nil || n < 1 || n > f.hi {
			return fmt.Errorf("the step is not from 1 to %d", f.hi)
		}
	}
	if span == "*" || span == "?" {
		return nil
	}
	from, to, isRange := strings.Cut(span, "-")
	lo, err := f.value(from)
	if err != nil || !isRange {
		return err
	}
	hi, err := f.value(to)
	if err == nil && hi < lo {
		return errors.New("the range runs backwards")
	}
	return err
}

// value reads a number or a name.
func (f cronField) value(text string) (int, error) {
	for i, name := range strings.Fields(f.names) {
		if strings.EqualFold(name, text) {
			return f.lo + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.lo || n > f.hi {
		return 0, fmt.Errorf("not from %d to %d", f.lo, f.hi)
	}
	return n, nil
}
