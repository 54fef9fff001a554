package inspect

import "strings"

// historyLine is a line of a config's history.
type historyLine struct {
	CreatedBy  string `json:"created_by"`
	EmptyLayer bool   `json:"empty_layer"`
}

// history gives each layer the line that made it. History is optional, and one
// that does not fit the layers says nothing of them.
func (p *Platform) history(lines []historyLine) {
	var made []string
	for _, l := range lines {
		if !l.EmptyLayer {
			made = append(made, l.CreatedBy)
		}
	}
	if len(made) != len(p.Layers) {
		if len(lines) > 0 {
			p.Notes = append(p.Notes, "its history does not fit its layers")
		}
		return
	}
	for i, line := range made {
		p.Layers[i].CreatedBy = line
		p.Layers[i].MadeBy = madeBy(line)
	}
}

// maxMadeBy bounds the short form of a line, in characters.
const maxMadeBy = 60

// madeBy takes from a line what every line of its builder has: Basal's name, the
// shell of Docker's first builder, the comment of BuildKit.
func madeBy(line string) string {
	line = strings.TrimPrefix(line, "basal: ")
	line = strings.TrimSuffix(line, " # buildkit")
	for _, shell := range []string{"/bin/sh -c #(nop) ", "/bin/sh -c ", "RUN /bin/sh -c "} {
		if rest, ok := strings.CutPrefix(line, shell); ok {
			line = rest
			break
		}
	}
	return cut(strings.Join(strings.Fields(line), " "), maxMadeBy)
}

// cut shortens s to most characters.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
