// Package anchor ties a log to the world outside: a witness confirms that the
// log only ever grew, an authority states when a checkpoint existed, and
// checkpoints are put where others keep them. Whoever holds both a store and
// its key could write the log anew; not so that these fit it.
package anchor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Doer sends a request, as http.Client does. It bounds the time and follows no
// redirect.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// maxReply is the most bytes that are read of a reply.
const maxReply = 256 << 10

// reply sends a request and returns status and body. Errors name no URL: it may
// hold a secret.
func reply(do Doer, r *http.Request) (int, []byte, error) {
	resp, err := do.Do(r)
	if err != nil {
		return 0, nil, bare(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return 0, nil, bare(err)
	}
	if len(body) > maxReply {
		return 0, nil, fmt.Errorf("the reply has more than %d bytes", maxReply)
	}
	return resp.StatusCode, body, nil
}

// bare takes the URL out of an error.
func bare(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
