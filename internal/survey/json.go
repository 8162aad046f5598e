package survey

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/metalwright/metalwright/internal/rack"
)

const indent = "  "

// WriteJSON writes an observation as a json.Encoder with two spaces of indent and without escapes for HTML would, one device
// at a time. The text of a thousand devices as a whole is larger than everything else in memory.
func WriteJSON(w io.Writer, o rack.Observation) error {
	b := bufio.NewWriterSize(w, 1<<16)
	empty := o
	empty.Devices, empty.Gaps = []rack.Device{}, []rack.Gap{}
	frame, err := encode(empty, "")
	if err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	for _, part := range []struct {
		name  string
		write func() error
	}{{"devices", func() error { return writeList(b, o.Devices) }}, {"gaps", func() error { return writeList(b, o.Gaps) }}} {
		before, after, found := bytes.Cut(frame, []byte("\n"+indent+`"`+part.name+`": []`))
		if !found {
			panic("metalwright: internal error: an observation has no " + part.name + ". This is a bug in Metalwright.")
		}
		_, _ = b.Write(before) // bufio keeps the first error for Flush
		_, _ = fmt.Fprintf(b, "\n%s%q: ", indent, part.name)
		if err := part.write(); err != nil {
			return fmt.Errorf("write observation: %w", err)
		}
		frame = after
	}
	_, _ = b.Write(append(frame, '\n'))
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	return nil
}

// writeList writes what stands in one list of the frame.
func writeList[T any](b *bufio.Writer, list []T) error {
	if len(list) == 0 {
		_, err := b.WriteString("[]")
		return err
	}
	for i := range list {
		text, err := encode(&list[i], indent+indent)
		if err != nil {
			return err
		}
		lead := ",\n" + indent + indent
		if i == 0 {
			lead = "[\n" + indent + indent
		}
		_, _ = b.WriteString(lead)
		if _, err := b.Write(text); err != nil {
			return err
		}
	}
	_, err := b.WriteString("\n" + indent + "]")
	return err
}

// encode gives v without the newline at its end.
func encode(v any, prefix string) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent(prefix, indent)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
