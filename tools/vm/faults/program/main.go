// Program is the service of images with planted faults. Its argument selects its behaviour.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "crash" {
		fmt.Println(`fault: no setting "database" in /etc/fault.conf`)
		os.Exit(1)
	}
	time.Sleep(time.Hour)
}
