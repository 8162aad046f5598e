package survey

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/metalwright/metalwright/internal/rack"
)

// WriteJSON writes an observation as one JSON object and a newline, the same bytes as encoding/json, one device at a time: of
// a thousand devices the text as a whole is larger than everything else in memory.
func WriteJSON(w io.Writer, o rack.Observation) error {
	b := bufio.NewWriterSize(w, 1<<16)
	head, err := json.Marshal(struct {
		Format int `json:"format"`
		Taken  any `json:"taken"`
	}{o.Format, o.Taken})
	if err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	_, _ = b.Write(head[:len(head)-1]) // bufio keeps the first error for Flush
	if err := writeList(b, "devices", o.Devices); err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	if err := writeList(b, "gaps", o.Gaps); err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	_, _ = b.WriteString("}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	return nil
}

func writeList[T any](b *bufio.Writer, name string, list []T) error {
	_, _ = fmt.Fprintf(b, ",%q:[", name)
	for i := range list {
		text, err := json.Marshal(&list[i])
		if err != nil {
			return err
		}
		if i > 0 {
			_ = b.WriteByte(',')
		}
		if _, err := b.Write(text); err != nil {
			return err
		}
	}
	_ = b.WriteByte(']')
	return nil
}
