package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/ci/registries"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// registryVerbs are the forms of the command registry. NAME is what the script
// calls a registry; $NAME is its address.
//
//	registry start NAME [KIND…]         KIND: referrers (has the API, the default),
//	                                    plain (has not), deletes (what a tag leaves)
//	registry readonly NAME              refuse writing from now on
//	registry stop NAME                  stop it
//	registry asked NAME N [PART]        "METHOD PATH" of N requests had PART in it
//	                                    since last time; pings do not count
//	registry forget NAME                begin to count anew
//	registry attach NAME REPO WHAT DATA make evidence about WHAT, a tag or digest;
//	                                    its digest is in $attached
//	registry legacy NAME REPO WHAT SUFFIX   make a tag sha256-<hex of WHAT>SUFFIX
//	registry digest NAME REPO TAG       set $digest
//	registry retag NAME REPO TAG WHAT   let TAG name WHAT, or the first tag that
//	                                    begins with TAG if it ends in "-"
//	registry foreign NAME REPO          publish REPO:1, which another builder made
//	registry whole NAME REPO            whatever has a tag is complete
var registryVerbs = map[string]func(*testscript.TestScript, map[string]*testRegistry, []string){
	"start": startRegistry,
	"readonly": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		all[args[0]].Options.ReadOnly = true
		ts.Check(all[args[0]].Restart())
	},
	"stop": func(_ *testscript.TestScript, all map[string]*testRegistry, args []string) { all[args[0]].Kill() },
	"forget": func(_ *testscript.TestScript, all map[string]*testRegistry, args []string) {
		all[args[0]].take("")
	},
	"asked": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		if asked := all[args[0]].take(strings.Join(args[2:], " ")); strconv.Itoa(len(asked)) != args[1] {
			ts.Fatalf("want %s requests, found %d:\n%s", args[1], len(asked), strings.Join(asked, "\n"))
		}
	},
	"attach": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		repository := all[args[0]].repository(ts, args[1])
		subject := resolve(ts, repository, args[2])
		doc := evidence(ts, repository, args[3], &subject.Descriptor)
		ts.Setenv("attached", doc.Descriptor.Digest.String())
	},
	"legacy": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		repository := all[args[0]].repository(ts, args[1])
		subject := resolve(ts, repository, args[2])
		doc := evidence(ts, repository, "legacy "+args[3], nil)
		ts.Check(repository.Tag(context.Background(), "sha256-"+subject.Descriptor.Digest.Hex()+args[3], doc))
	},
	"digest": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		doc := resolve(ts, all[args[0]].repository(ts, args[1]), args[2])
		ts.Setenv("digest", doc.Descriptor.Digest.String())
	},
	"retag": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		repository := all[args[0]].repository(ts, args[1])
		tags, err := repository.Tags(context.Background())
		ts.Check(err)
		tag := args[2]
		if i := slices.IndexFunc(tags, func(t string) bool { return strings.HasSuffix(tag, "-") && strings.HasPrefix(t, tag) }); i >= 0 {
			tag = tags[i]
		}
		ts.Check(repository.Tag(context.Background(), tag, resolve(ts, repository, args[3])))
	},
	"foreign": foreignBase,
	"whole": func(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
		ts.Check(registries.Incomplete(context.Background(), all[args[0]].Addr+"/"+args[1]))
	},
}

type registriesKey struct{}

func registryCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || registryVerbs[args[0]] == nil {
		ts.Fatalf("registry: unknown verb in %q", args)
	}
	all := ts.Value(registriesKey{}).(map[string]*testRegistry)
	if args[0] != "start" && all[args[1]] == nil {
		ts.Fatalf("registry %s was not started", args[1])
	}
	registryVerbs[args[0]](ts, all, args[1:])
}

// testRegistry is a registry of this process that notes what it is asked.
type testRegistry struct {
	*registries.Registry
	mu       sync.Mutex
	requests []string
}

func startRegistry(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
	kind := registries.InProcess
	r := &testRegistry{}
	wrap := registries.Wrapper(r.record)
	for _, arg := range args[1:] {
		switch arg {
		case "referrers":
		case "plain":
			kind = registries.Plain
		case "deletes":
			wrap = registries.Both(r.record, registries.DeletesMoved)
		default:
			ts.Fatalf("no kind of registry is %q", arg)
		}
	}
	var err error
	r.Registry, err = kind.Start(registries.Options{Wrap: wrap})
	ts.Check(err)
	ts.Defer(func() { r.Close() })
	all[args[0]] = r
	ts.Setenv(args[0], r.Addr)
}

func (r *testRegistry) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Trim(req.URL.Path, "/") != "v2" {
			r.mu.Lock()
			r.requests = append(r.requests, req.Method+" "+req.URL.Path)
			r.mu.Unlock()
		}
		next.ServeHTTP(w, req)
	})
}

// take returns the requests that have part in them, and forgets all.
func (r *testRegistry) take(part string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.DeleteFunc(r.requests, func(s string) bool { return !strings.Contains(s, part) })
	r.requests = nil
	return all
}

func (r *testRegistry) repository(ts *testscript.TestScript, path string) *registry.Repository {
	c := registry.New(registry.Options{})
	ref, err := c.Parse(r.Addr + "/" + path)
	ts.Check(err)
	return c.Repository(ref)
}

func resolve(ts *testscript.TestScript, r *registry.Repository, name string) oci.Document {
	doc, err := r.Resolve(context.Background(), name)
	ts.Check(err)
	return doc
}

// evidence puts a manifest with one layer; subject may be nil.
func evidence(ts *testscript.TestScript, r *registry.Repository, data string, subject *oci.Descriptor) oci.Document {
	ctx := context.Background()
	blob := func(mediaType, content string) oci.Descriptor {
		b := []byte(content)
		d := oci.Descriptor{MediaType: mediaType, Digest: digest.Of(b), Size: int64(len(b))}
		ts.Check(r.PutBlob(ctx, d, opened(b)))
		return d
	}
	fields := map[string]any{
		"schemaVersion": 2,
		"mediaType":     oci.MediaTypeManifest,
		"artifactType":  "text/plain",
		"config":        blob("application/vnd.oci.empty.v1+json", "{}"),
		"layers":        []oci.Descriptor{blob("text/plain", fmt.Sprintln(data))},
	}
	if subject != nil {
		fields["subject"] = subject
	}
	b, err := canonjson.Marshal(fields)
	ts.Check(err)
	doc := oci.Document{Bytes: b, Descriptor: oci.Descriptor{MediaType: oci.MediaTypeManifest, Digest: digest.Of(b), Size: int64(len(b))}}
	ts.Check(r.PutDocument(ctx, doc))
	return doc
}

func opened(b []byte) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}
