// Hello says what it is told to, or else hello: the service of the examples.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	words := os.Args[1:]
	if len(words) == 0 {
		words = []string{"hello"}
	}
	fmt.Println(strings.Join(words, " "))
}
