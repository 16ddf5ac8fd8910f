package tasks

import (
	"os"
	"testing"
)

func TestScarce(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"strict":      {map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service/pids.max": "4\n"}, true},
		"default":     {map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service/pids.max": "4915\n"}, false},
		"slice":       {map[string]string{"/proc/self/cgroup": "0::/small.slice/a.service\n", "/sys/fs/cgroup/small.slice/a.service/pids.max": "max\n", "/sys/fs/cgroup/small.slice/pids.max": "63\n"}, true},
		"just enough": {map[string]string{"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/pids.max": "64\n"}, false},
		"no limit":    {map[string]string{"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/pids.max": "max\n"}, false},
		"version 1":   {map[string]string{"/proc/self/cgroup": "9:name=systemd:/\n8:pids:/a\n0::/\n", "/sys/fs/cgroup/pids/a/pids.max": "4\n"}, true},
		"not mounted": {map[string]string{"/proc/self/cgroup": "0::/a\n"}, false},
		"no proc":     {nil, false},
		"junk":        {map[string]string{"/proc/self/cgroup": "what\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := scarce(func(path string) ([]byte, error) {
				if text, ok := test.files[path]; ok {
					return []byte(text), nil
				}
				return nil, os.ErrNotExist
			}, 64)
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
