package lifecycle

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// One request takes no longer than this; it is repeated.
const askLimit = time.Minute

var client = http.Client{Timeout: askLimit, Transport: &http.Transport{DisableKeepAlives: true}}

// get returns the body of a URL's answer, which must be a success. After an error it may
// be worth asking again, unless the service said itself that the request is wrong.
func get(url string) (body string, again bool, err error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", true, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", true, err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return "", answer.StatusCode >= 500, fmt.Errorf("%s, body %.500q", answer.Status, text)
	}
	return string(text), false, nil
}

// listen connects to unix:PATH or tcp:HOST:PORT and returns what comes, up to the end of
// the stream.
func listen(address string) (said string, again bool, err error) {
	network, address, _ := strings.Cut(address, ":")
	conn, err := net.DialTimeout(network, address, askLimit)
	if err != nil {
		return "", true, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(askLimit)); err != nil {
		return "", true, err
	}
	text, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	return string(text), true, err
}

// exitStatus returns a command's exit status; ok is false if it has none.
func exitStatus(err error) (status int, ok bool) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, true
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode(), true
	}
	return 0, false
}
