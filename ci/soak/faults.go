package main

import "github.com/basal-project/basal/ci/toxics"

// A fault is what a connection has to bear in one round. In each, one connection
// in five is reset.
type fault struct {
	name   string
	toxics []toxics.Toxic
}

// reset ends a connection without a word, before the other side has heard
// anything (upstream), or before we hear its answer (downstream).
func reset(stream string, afterMilliseconds int) toxics.Toxic {
	return toxics.Toxic{
		Name: "reset", Type: "reset_peer", Stream: stream, Toxicity: 0.2,
		Attributes: map[string]int{"timeout": afterMilliseconds},
	}
}

// cut ends a connection in the middle, when this many bytes have gone through.
func cut(stream string, bytes int) toxics.Toxic {
	return toxics.Toxic{
		Name: "cut", Type: "limit_data", Stream: stream, Toxicity: 0.2,
		Attributes: map[string]int{"bytes": bytes},
	}
}

func always(kind, stream string, attributes map[string]int) toxics.Toxic {
	return toxics.Toxic{Name: kind, Type: kind, Stream: stream, Toxicity: 1, Attributes: attributes}
}

var faults = []fault{
	{"reset before the request", []toxics.Toxic{reset("upstream", 0)}},
	{"reset before the answer", []toxics.Toxic{reset("downstream", 0)}},
	{"cut in the middle of a blob", []toxics.Toxic{cut("upstream", 150_000)}},
	{"cut after a few answers", []toxics.Toxic{cut("downstream", 2_000)}},
	{"reset late, latency 20±10 ms", []toxics.Toxic{
		reset("downstream", 50), always("latency", "upstream", map[string]int{"latency": 20, "jitter": 10}),
	}},
	{"reset, slow close", []toxics.Toxic{
		reset("upstream", 5), always("slow_close", "downstream", map[string]int{"delay": 50}),
	}},
	{"reset and cut, 2 MB/s", []toxics.Toxic{
		reset("upstream", 0), cut("downstream", 2_000), always("bandwidth", "upstream", map[string]int{"rate": 2000}),
	}},
}
