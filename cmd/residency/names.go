package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"residency/internal/config"
	"residency/internal/residency"
)

// nameList are the names to resolve: those of the command line, or lines of a
// reader, which are read as they are needed. Lines that are no names are
// passed over, said and counted.
type nameList struct {
	given []string
	lines *bufio.Scanner // nil: only those given
	say   func(string)   // takes what is wrong with a line

	mu   sync.Mutex // a reader that waits for a person outlives the command
	line int
	bad  int
	err  error
}

// newNames checks the names of the command line; "-" alone stands for input.
func newNames(args []string, input io.Reader, say func(string)) (*nameList, error) {
	n := &nameList{say: say}
	if len(args) == 1 && args[0] == "-" {
		n.lines = bufio.NewScanner(input)
		return n, nil
	}
	for _, arg := range args {
		name, err := config.HostName(arg)
		if err != nil {
			return nil, err
		}
		n.given = append(n.given, name)
	}
	return n, nil
}

// next returns the next name as the DNS has it.
func (n *nameList) next() (string, bool) {
	if len(n.given) > 0 {
		name := n.given[0]
		n.given = n.given[1:]
		return name, true
	}
	if n.lines == nil {
		return "", false
	}
	for n.lines.Scan() {
		n.line++
		text := strings.TrimSpace(n.lines.Text())
		if text == "" {
			continue
		}
		name, err := config.HostName(text)
		if err == nil {
			return name, true
		}
		n.mu.Lock()
		n.bad++
		n.mu.Unlock()
		n.say(fmt.Sprintf("line %d: %v", n.line, err))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = n.lines.Err()
	return "", false
}

// done returns what was wrong with the names.
func (n *nameList) done() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	if n.bad > 0 {
		err = fmt.Errorf("%s of the input named no host", residency.Plural(n.bad, "line"))
	}
	if n.err != nil {
		err = errors.Join(err, fmt.Errorf("read names: %w", n.err))
	}
	return err
}

// questions asks for every type of every name from every vantage, beginning
// with a name that was taken from the list already.
func (n *nameList) questions(first string, froms []residency.Question, types []string) iter.Seq[residency.Question] {
	return func(yield func(residency.Question) bool) {
		for name, ok := first, true; ok; name, ok = n.next() {
			for _, q := range froms {
				q.Endpoint.Host = name
				for _, t := range types {
					q.Type = t
					if !yield(q) {
						return
					}
				}
			}
		}
	}
}
