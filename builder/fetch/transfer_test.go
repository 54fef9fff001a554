package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// cut announces all of body, sends n bytes from the range's start and hangs up.
func cut(w http.ResponseWriter, r *http.Request, n int, header map[string]string) {
	var from int
	status := http.StatusOK
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
	}
	for name, value := range header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)-from))
	w.WriteHeader(status)
	w.Write(body[from:min(from+n, len(body))])
	if from+n < len(body) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestResumeAfterCuts(t *testing.T) {
	for name, header := range map[string]map[string]string{
		"etag":         {"ETag": `"one"`, "Last-Modified": "Sun, 09 Sep 2001 01:46:40 GMT"},
		"date":         {"Last-Modified": "Sun, 09 Sep 2001 01:46:40 GMT"},
		"weak etag":    {"ETag": `W/"one"`},
		"no validator": nil,
	} {
		t.Run(name, func(t *testing.T) {
			var ifRange []string
			h := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
				ifRange = append(ifRange, r.Header.Get("If-Range"))
				cut(w, r, 70_000, header)
			})
			mustRead(t, client(t, h), deb(body), body)
			path := "/debian/" + pool
			want := []string{path, path + " bytes=70000-", path + " bytes=140000-"}
			if got := h.requests(); !slices.Equal(got, want) {
				t.Errorf("asked for %q, want %q", got, want)
			}
			validator := map[string]string{"etag": `"one"`, "date": "Sun, 09 Sep 2001 01:46:40 GMT"}[name]
			if want := []string{"", validator, validator}; !slices.Equal(ifRange, want) {
				t.Errorf("If-Range %q, want %q", ifRange, want)
			}
		})
	}
}

func TestResumeThatCannotContinueStartsOver(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"range ignored": func(w http.ResponseWriter, r *http.Request) { w.Write(body) },
		"416":           func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(416) },
		"another range": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(body)-1, len(body)))
			w.WriteHeader(206)
			w.Write(body[5:])
		},
		"no range named": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(206)
			w.Write(body[1000:])
		},
		"another file": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 1000-%d/%d", len(body)-1, len(body)))
			w.WriteHeader(206)
			w.Write(bytes.Repeat([]byte("x"), len(body)-1000))
		},
		"a longer file": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 1000-999999/1000000")
			w.WriteHeader(206)
			w.Write(bytes.Repeat([]byte("x"), len(body)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
				switch n {
				case 1:
					cut(w, r, 1000, nil)
				case 2:
					second(w, r)
				default:
					w.Write(body)
				}
			})
			mustRead(t, client(t, h), deb(body), body)
			if got := h.requests(); len(got) > 3 || len(got) == 3 && strings.Contains(got[2], "bytes=") {
				t.Errorf("asked for %q", got)
			}
		})
	}
}

func TestWrongAnswersAreNotAskedForAgain(t *testing.T) {
	chunked := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush() // so no Content-Length
			w.Write(b)
		}
	}
	whole := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			w.Write(b)
		}
	}
	wrong := bytes.Clone(body)
	wrong[0]++
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string
		tries  int
	}{
		"wrong bytes":        {whole(wrong), "got " + digest.Of(wrong).String(), 1},
		"too long":           {whole(append(bytes.Clone(body), 'x')), "got 180,001 bytes", 1},
		"too short":          {whole(body[1:]), "got 179,999 bytes", 1},
		"too long, chunked":  {chunked(append(bytes.Clone(body), 'x')), "got more than 180,000 bytes", 1},
		"too short, chunked": {chunked(body[:100]), "cut off after 100 bytes", 4},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(body); err != nil {
					return
				}
			}
		}, "got more than 180,000 bytes", 1},
		"gone":              {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410) }, "got 410 Gone", 1},
		"an unasked range":  {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(206); w.Write(body) }, "got 206 Partial Content", 1},
		"nothing to see":    {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, "got 204 No Content", 1},
		"a failing server":  {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, "got 500 Internal Server Error", 4},
		"a refused request": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "EOF", 4},
	} {
		t.Run(name, func(t *testing.T) {
			bad := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { tt.answer(w, r) })
			_, err := read(client(t, bad), deb(body))
			if err == nil {
				t.Fatal("it was accepted")
			}
			mustHave(t, err.Error(), tt.want)
			if n := len(bad.requests()); n != tt.tries {
				t.Errorf("%d requests, want %d", n, tt.tries)
			}
			good := files(t, map[string][]byte{"debian/" + pool: body})
			mustRead(t, client(t, bad, good), deb(body), body)
		})
	}
}

func TestBytesAreTakenAsTheyAre(t *testing.T) {
	h := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Accept-Encoding is %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip") // what some servers say of a .gz file
		w.Write(body)
	})
	mustRead(t, client(t, h), deb(body), body)
}

// A place that cannot be reached is asked last, and once, from then on.
func TestDeadMirrorIsNotWaitedForTwice(t *testing.T) {
	var answers int
	dead := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		answers++
		w.WriteHeader(502)
	})
	one, two := []byte("one"), []byte("two")
	good := files(t, map[string][]byte{"debian/one": one, "debian/two": two})
	c := client(t, dead, good)
	a, b, missing := deb(one), deb(two), deb(body)
	a.Path, b.Path = "one", "two"
	mustRead(t, c, a, one)
	mustRead(t, c, b, two)
	if answers != 4 {
		t.Errorf("the dead mirror was asked %d times, want 4 for the first file only", answers)
	}
	if _, err := read(c, missing); err == nil {
		t.Error("it was found")
	}
	if answers != 5 {
		t.Errorf("the dead mirror was asked %d times, want one more as the last resort", answers)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header func() string
		want   time.Duration // between the two requests
	}{
		{"seconds", func() string { return "7" }, 7 * time.Second},
		{"date", func() string { return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat) }, 20 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var waited time.Duration
			n := 0
			c := clientWith(t, Options{Mirrors: mirrors(t, "http://mirror.test"), Transport: fake(func(r *http.Request) (*http.Response, error) {
				if n++; n == 1 {
					return reply(r, 503, map[string]string{"Retry-After": tt.header()}, strings.NewReader("")), nil
				}
				waited = time.Since(start)
				return reply(r, 200, nil, bytes.NewReader(body)), nil
			})})
			c.policy = defaultPolicy
			mustRead(t, c, deb(body), body)
			if waited != tt.want {
				t.Errorf("%s: asked again after %s, want %s", tt.name, waited, tt.want)
			}
		})
	}
}

func TestLongRetryAfterGoesOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := clientWith(t, Options{Mirrors: mirrors(t, "http://busy.test", "http://good.test"), Transport: fake(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "busy.test" {
				return reply(r, 429, map[string]string{"Retry-After": "3600"}, strings.NewReader("")), nil
			}
			return reply(r, 200, nil, bytes.NewReader(body)), nil
		})})
		c.policy = defaultPolicy
		mustRead(t, c, deb(body), body)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

// hangs sends some bytes and then nothing, until the request is given up.
type hangs struct {
	io.Reader
	done <-chan struct{}
}

func (h hangs) Read(p []byte) (int, error) {
	if n, err := h.Reader.Read(p); err == nil {
		return n, nil
	}
	<-h.done
	return 0, errors.New("connection closed")
}

func TestStalledDownloadIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []string
		c := clientWith(t, Options{Mirrors: mirrors(t, "http://mirror.test"), Transport: fake(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.Header.Get("Range"))
			if len(asked) == 1 {
				return reply(r, 200, nil, hangs{bytes.NewReader(body[:1000]), r.Context().Done()}), nil
			}
			return reply(r, 206, map[string]string{"Content-Range": fmt.Sprintf("bytes 1000-%d/%d", len(body)-1, len(body))}, bytes.NewReader(body[1000:])), nil
		})})
		c.policy = defaultPolicy
		mustRead(t, c, deb(body), body)
		if !slices.Equal(asked, []string{"", "bytes=1000-"}) {
			t.Errorf("asked for %q", asked)
		}
		if waited := time.Since(start); waited < 30*time.Second || waited > 31*time.Second {
			t.Errorf("gave up after %s, want 30s and a short pause", waited)
		}
	})
}

func TestStalledServerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := clientWith(t, Options{Mirrors: mirrors(t, "http://mirror.test"), Transport: fake(func(r *http.Request) (*http.Response, error) {
			n++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		c.policy = defaultPolicy
		_, err := read(c, deb(body))
		if diag.CodeOf(err) != diag.Unavailable || n != 4 {
			t.Fatalf("%v after %d attempts, want exit code 3 after 4", err, n)
		}
		mustHave(t, err.Error(), "no bytes for 30s")
	})
}

func TestRedirects(t *testing.T) {
	for name, tt := range map[string]struct {
		to   func(r *http.Request, n int) string
		want string // in the error; "" for success
	}{
		"one":       {func(r *http.Request, n int) string { return "/debian/final" }, ""},
		"a loop":    {func(r *http.Request, n int) string { return r.URL.Path }, "more than 5"},
		"to a file": {func(r *http.Request, n int) string { return "file:///etc/passwd" }, `it leads to "file"`},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
				if r.URL.Path == "/debian/final" {
					w.Write(body)
					return
				}
				w.Header().Set("Location", tt.to(r, n))
				w.WriteHeader(302)
			})
			got, err := read(client(t, h), deb(body))
			switch {
			case tt.want == "":
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			case err == nil:
				t.Error("it was followed")
			default:
				mustHave(t, err.Error(), tt.want)
			}
			if n := len(h.requests()); n > maxRedirects+1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestRedirectFromHTTPSToHTTP(t *testing.T) {
	insecure := files(t, map[string][]byte{"debian/" + pool: body})
	secure := httptest.NewTLSServer(http.RedirectHandler(insecure.URL+"/debian/"+pool, http.StatusFound))
	t.Cleanup(secure.Close)
	c := clientWith(t, Options{Mirrors: mirrors(t, secure.URL), Transport: secure.Client().Transport})
	_, err := read(c, deb(body))
	if err == nil || len(insecure.requests()) != 0 {
		t.Fatalf("it was followed: %v", err)
	}
	mustHave(t, err.Error(), "from https to http")
}

func TestUnknownCertificateIsNotRetried(t *testing.T) {
	n := 0
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.Config.ErrorLog = discardLog()
	secure.Config.ConnState = countNew(&n)
	secure.StartTLS()
	_, err := read(clientWith(t, Options{Mirrors: mirrors(t, secure.URL)}), deb(body))
	secure.Close()
	if err == nil || n != 1 {
		t.Fatalf("%v after %d connections, want an error after 1", err, n)
	}
	mustHave(t, err.Error(), "certificate")
}

// steps records a transfer as the progress bar sees it.
type steps struct {
	name string
	size int64
	last int64
	err  error
	done int
}

func (s *steps) Start(name string, size int64) Task { s.name, s.size = name, size; return s }
func (s *steps) Set(n int64)                        { s.last = n }
func (s *steps) Done(err error)                     { s.err = err; s.done++ }

func TestProgress(t *testing.T) {
	h := serve(t, func(w http.ResponseWriter, r *http.Request, n int) { cut(w, r, 100_000, nil) })
	s := &steps{}
	c := clientWith(t, Options{Mirrors: mirrors(t, h.URL), Progress: s})
	mustRead(t, c, deb(body), body)
	if s.name != "debian "+pool || s.size != int64(len(body)) || s.last != s.size || s.err != nil || s.done != 1 {
		t.Errorf("got %+v", s)
	}
	s = &steps{}
	c = clientWith(t, Options{Mirrors: mirrors(t, files(t, nil).URL), Progress: s})
	if _, err := read(c, deb(body)); err == nil || s.err == nil || s.done != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}
