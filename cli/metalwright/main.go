// Command metalwright plans racks from blueprints, brings them up with the fewest resets, and signs the evidence.
package main

import (
	"os"

	"github.com/metalwright/metalwright/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
