package explain

import (
	"archive/tar"
	"io"
)

// layerLists pairs the layers of two images and compares each pair.
func (x *differ) layerLists(where string, a, b image) {
	for _, p := range align(a.places(where), b.places(where)) {
		switch a, b := p[0], p[1]; {
		case b == nil:
			x.alone("only in a", a.where, Layer{A: x.a.id(*a)})
		case a == nil:
			x.alone("only in b", b.where, Layer{B: x.b.id(*b)})
		default:
			x.pair(*a, *b)
		}
	}
}

func (x *differ) alone(summary, where string, l Layer) {
	l.Where, l.Summary = []string{where}, summary
	x.report.Layers = append(x.report.Layers, l)
}

// id checks the layer's blob and says what was found.
func (s *side) id(p place) *LayerID {
	found := s.check(p.where, p.desc)
	if found.sum.IsZero() {
		return nil
	}
	return &LayerID{Digest: found.sum.String(), Size: found.size}
}

// pair compares two layers, once for each pair of digests.
func (x *differ) pair(a, b place) {
	key := pair{a.desc.Digest, b.desc.Digest}
	if n, done := x.layers[key]; done {
		if n >= 0 {
			x.report.Layers[n].Where = append(x.report.Layers[n].Where, a.where)
		}
		return
	}
	x.layers[key] = -1
	l := Layer{Where: []string{a.where}, A: x.a.id(a), B: x.b.id(b)}
	if l.A == nil || l.B == nil || l.A.Digest == l.B.Digest {
		return // what is missing is a fault already
	}
	la, lb := x.a.scan(a), x.b.scan(b)
	if la.err == nil {
		l.A.DiffID = la.diffID.String()
	}
	if lb.err == nil {
		l.B.DiffID = lb.diffID.String()
	}
	x.entries(&l, a, b, la, lb)
	x.layers[key] = len(x.report.Layers)
	x.report.Layers = append(x.report.Layers, l)
}

// scan lists the entries of a layer and reports what is wrong with it.
func (s *side) scan(p place) listing {
	r, err := s.src.OpenUnsafe(p.desc.Digest)
	if err != nil {
		s.fault(p.where, "blob %s cannot be read: %v", p.desc.Digest, err)
		return listing{err: err}
	}
	defer r.Close()
	l := scan(r, p.desc.MediaType)
	switch {
	case l.err != nil && len(l.entries) == 0:
		s.fault(p.where, "layer cannot be read: %v", l.err)
	case l.err != nil:
		last := l.entries[len(l.entries)-1]
		s.fault(p.where, "layer cannot be read beyond %s: %v", printable(last.path), l.err)
	case !p.diffID.IsZero() && l.diffID != p.diffID:
		s.fault(p.where, "layer unpacks to %s, the config says %s", l.diffID, p.diffID)
	}
	return l
}

// entries fills in how the listings differ.
func (x *differ) entries(l *Layer, a, b place, la, lb listing) {
	all := match(la, lb)
	l.Summary = "entries differ"
	bytesShown := false
	for _, m := range all {
		if len(l.Entries) == maxLines {
			l.More = len(all) - maxLines
			break
		}
		e := Entry{Path: short(m.path), Fields: m.fields}
		if m.content && !bytesShown {
			e.Bytes = x.first(a, b, a.member(m.a), b.member(m.b))
			bytesShown = true
		}
		l.Entries = append(l.Entries, e)
	}
	if len(all) > 0 {
		return
	}
	if la.diffID == lb.diffID && la.err == nil && lb.err == nil {
		l.Summary = "contents equal, only compression differs"
		l.Blob = x.first(a, b, packed, packed)
		return
	}
	l.Summary = "same entries, other header or padding bytes"
	switch n := firstMoved(la, lb); {
	case n != "":
		l.Summary = "same entries in another order, from " + printable(n) + " on"
	case la.err != nil || lb.err != nil:
		l.Summary = "entries equal as far as they can be read"
	}
	l.Tar = x.first(a, b, a.unpacked, b.unpacked)
}

// view is what a layer's blob is compared as.
type view func(io.Reader) (io.Reader, error)

// first finds where the blobs of a and b, seen through the views, first differ.
func (x *differ) first(a, b place, va, vb view) *Bytes {
	ra, err := x.a.src.OpenUnsafe(a.desc.Digest)
	if err != nil {
		return nil // it was there a moment ago
	}
	defer ra.Close()
	rb, err := x.b.src.OpenUnsafe(b.desc.Digest)
	if err != nil {
		return nil
	}
	defer rb.Close()
	inA, errA := va(ra)
	inB, errB := vb(rb)
	if errA != nil || errB != nil {
		return nil // scan has reported it
	}
	return firstDifference(inA, inB)
}

func packed(r io.Reader) (io.Reader, error) { return r, nil }

func (p place) unpacked(r io.Reader) (io.Reader, error) { return unpack(r, p.desc.MediaType) }

// member is the content of the nth member of the layer's tar.
func (p place) member(n int) view {
	return func(r io.Reader) (io.Reader, error) {
		unpacked, err := p.unpacked(r)
		if err != nil {
			return nil, err
		}
		t := tar.NewReader(unpacked)
		for range n + 1 {
			if _, err := t.Next(); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
}
