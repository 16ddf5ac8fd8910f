// Hello is the service of the examples. It prints its arguments, or hello.
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
