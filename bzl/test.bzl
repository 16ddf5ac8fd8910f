"""Tests of portable images, for other repositories to load.

```python
load("@portable_walkthrough_go//bzl:test.bzl", "portable_image_test", "portable_test")

portable_test(
    name = "image_test",
    http = {"http://localhost:8080/": "Hello!"},
    image = ":image",
    suites = ["bookworm", "trixie"],
)

portable_image_test(
    name = "contents_test",
    contains = ["/usr/bin/hello"],
    image = ":image",
    max_size = 10000000,
)
```

`portable_test` and `vm_test` boot virtual machines with systemd, in which nothing of your
machine can be reached. They need no root, no KVM and no network. `portable_image_test` looks at
what an image holds, and boots nothing.
"""

load("//bzl/private:portable_image_test.bzl", _portable_image_test = "portable_image_test")
load("//bzl/private:portable_test.bzl", _command = "command", _portable_test = "portable_test")
load("//bzl/private:vm_test.bzl", _vm_console = "vm_console", _vm_test = "vm_test")

command = _command
portable_image_test = _portable_image_test
portable_test = _portable_test
vm_console = _vm_console
vm_test = _vm_test
