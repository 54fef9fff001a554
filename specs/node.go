package specs

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// convert makes nodes from the library's tree, whose depth checkTokens bounds.
func convert(n ast.Node, f *faults) *node {
	at := placeOf(n.GetToken())
	switch n := n.(type) {
	case *ast.MappingNode:
		m := &node{kind: mapping, at: at, flow: n.IsFlowStyle}
		for _, v := range n.Values {
			m.items = append(m.items, pair(v, f))
		}
		if !m.flow && len(m.items) > 0 {
			m.at = m.items[0].key.at // the library gives the first colon's
		}
		return m
	case *ast.MappingValueNode:
		p := pair(n, f)
		return &node{kind: mapping, at: p.key.at, flow: n.IsFlowStyle, items: []item{p}}
	case *ast.SequenceNode:
		l := &node{kind: list, at: at, flow: n.IsFlowStyle}
		for i, v := range n.Values {
			it := item{value: convertValue(v, at, f)}
			it.at = it.value.at
			if i < len(n.Entries) && n.Entries[i].Start != nil && !l.flow {
				it.at = placeOf(n.Entries[i].Start)
			}
			l.items = append(l.items, it)
		}
		return l
	case *ast.NullNode:
		return &node{kind: null, at: at}
	case *ast.LiteralNode:
		return &node{kind: scalar, at: at, text: n.Value.Value, style: blockStyle(n.Start)}
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return scalarNode(n.GetToken())
	}
	f.add(at, fmt.Sprintf("found %s, which a spec cannot have", n.Type()), "")
	return &node{kind: null, at: at}
}

// convertValue is convert for a value that may be absent.
func convertValue(n ast.Node, at place, f *faults) *node {
	if n == nil {
		return &node{kind: null, at: at}
	}
	v := convert(n, f)
	if v.kind == null {
		v.at = at // an implicit null stands wherever the library liked
	}
	return v
}

func pair(n *ast.MappingValueNode, f *faults) item {
	key := convert(n.Key, f)
	return item{at: key.at, key: key, value: convertValue(n.Value, key.at, f)}
}

func scalarNode(tk *token.Token) *node {
	n := &node{kind: scalar, at: placeOf(tk), text: tk.Value}
	if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
		n.style = quotes
	}
	return n
}

func blockStyle(tk *token.Token) style {
	if tk.Type == token.FoldedType {
		return folded
	}
	return literal
}
