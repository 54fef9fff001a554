// Package toxics spoils connections to a server with toxiproxy: resets, delays,
// little bandwidth, slow ends.
package toxics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/basal-project/basal/ci/programs"
)

// A Toxic is one fault, as toxiproxy's API spells it.
type Toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`     // latency, bandwidth, slow_close, reset_peer
	Stream     string         `json:"stream"`   // upstream: what the client sends; downstream: what it gets
	Toxicity   float64        `json:"toxicity"` // the part of connections that have it
	Attributes map[string]int `json:"attributes"`
}

// A Proxy stands before a server.
type Proxy struct {
	Addr string // where clients connect to, 127.0.0.1:PORT

	api   string
	name  string
	names []string // of the toxics that are on
}

// A Server runs proxies.
type Server struct {
	process *programs.Process
	api     string
	proxies int
}

// Start starts toxiproxy. The seed decides which connections have a toxic, as
// far as connections come in the same order.
func Start(ctx context.Context, seed int64) (*Server, error) {
	file, err := programs.Toxiproxy.Path(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := programs.FreeAddr()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	p, err := programs.Start(addr, file, "-host", "127.0.0.1", "-port", port, "-seed", strconv.FormatInt(seed, 10))
	if err != nil {
		return nil, err
	}
	return &Server{process: p, api: "http://" + addr}, nil
}

// Close kills toxiproxy and all connections through it.
func (s *Server) Close() { s.process.Kill() }

// Proxy opens a proxy before the server at addr, without toxics.
func (s *Server) Proxy(ctx context.Context, addr string) (*Proxy, error) {
	s.proxies++
	name := strconv.Itoa(s.proxies)
	var made struct{ Listen string }
	err := call(ctx, http.MethodPost, s.api+"/proxies", map[string]string{"name": name, "listen": "127.0.0.1:0", "upstream": addr}, &made)
	if err != nil {
		return nil, err
	}
	return &Proxy{Addr: made.Listen, api: s.api, name: name}, nil
}

// Set takes all toxics off and puts these on.
func (p *Proxy) Set(ctx context.Context, toxics ...Toxic) error {
	at := p.api + "/proxies/" + p.name + "/toxics"
	for ; len(p.names) > 0; p.names = p.names[1:] {
		if err := call(ctx, http.MethodDelete, at+"/"+p.names[0], nil, nil); err != nil {
			return err
		}
	}
	for _, t := range toxics {
		if err := call(ctx, http.MethodPost, at, t, nil); err != nil {
			return err
		}
		p.names = append(p.names, t.Name)
	}
	return nil
}

// call asks toxiproxy's API.
func call(ctx context.Context, method, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("toxiproxy: %s %s: %s: %s", method, url, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
