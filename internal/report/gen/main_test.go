package main

import (
	"bytes"
	"strings"
	"testing"
)

// A square of two arcs (one shared with its neighbour, walked backwards there)
// and a sliver that crosses the 180th meridian.
const topology = `{"type":"Topology","transform":{"scale":[1,1],"translate":[0,0]},
"arcs":[[[0,0],[0,10]],[[0,10],[10,0],[0,-10],[-10,0]],[[0,0],[-10,0],[0,10],[10,0]],[[179,0],[-358,0],[0,1],[358,0],[0,-1]]],
"objects":{"countries":{"geometries":[
 {"type":"Polygon","id":"001","arcs":[[0,1]]},
 {"type":"MultiPolygon","id":"002","arcs":[[[-1,2]]]},
 {"type":"Polygon","arcs":[[3]]}]}}}`

func TestDecode(t *testing.T) {
	t.Parallel()
	got, err := decode([]byte(topology))
	if err != nil {
		t.Fatal(err)
	}
	if m := middle(got["001"]); m != (point{5, 5}) {
		t.Errorf("the middle of the square is %v, want 5, 5", m)
	}
	var b bytes.Buffer
	write(&b, [3]map[string][]polygon{got, got, got})
	for _, want := range []string{
		"\n001 @ 50 50\n", "\n001 0,0 0,100 100,0 0,-100\n", "\n002 0,100 0,-100 -100,0 0,100\n",
		"\n000 1790,0 20,0 0,10 -20,0\n", // goes on past 180 degrees
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %s", want, b.String())
		}
	}
	if _, err := decode([]byte(`{"arcs":[[`)); err == nil {
		t.Error("half a file is taken")
	}
}
