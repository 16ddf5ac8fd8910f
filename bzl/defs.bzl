"""The rules for portable service images, for other repositories to load.

```python
load("@portable_walkthrough_go//bzl:defs.bzl", "portable_image")

portable_image(
    name = "hello",
    binary = "//hello",
    units = ["hello.service", "hello.socket"],
)
```
"""

load("//bzl/private:channel.bzl", _portable_channel = "portable_channel")
load("//bzl/private:deploy.bzl", _portable_deploy = "portable_deploy")
load("//bzl/private:os_release.bzl", _os_release = "os_release")
load("//bzl/private:os_release_info.bzl", _OsReleaseInfo = "OsReleaseInfo")
load("//bzl/private:pkg_rootfs.bzl", _pkg_rootfs_rule = "pkg_rootfs_rule")
load("//bzl/private:portable_image.bzl", _portable_image = "portable_image")
load("//bzl/private:portable_image_info.bzl", _PortableImageInfo = "PortableImageInfo")
load("//bzl/private:portable_image_set.bzl", _portable_image_set = "portable_image_set")
load("//bzl/private:portable_image_set_info.bzl", _PortableImageSetInfo = "PortableImageSetInfo")
load("//bzl/private:portable_sign.bzl", _portable_sign = "portable_sign")
load("//bzl/private:portable_verity.bzl", _portable_verity = "portable_verity")
load("//bzl/private:rootfs.bzl", _rootfs = "rootfs")
load("//bzl/private:rootfs_info.bzl", _RootfsInfo = "RootfsInfo")

os_release = _os_release
pkg_rootfs_rule = _pkg_rootfs_rule
portable_channel = _portable_channel
portable_deploy = _portable_deploy
portable_image = _portable_image
portable_image_set = _portable_image_set
portable_sign = _portable_sign
portable_verity = _portable_verity
rootfs = _rootfs

OsReleaseInfo = _OsReleaseInfo
PortableImageInfo = _PortableImageInfo
PortableImageSetInfo = _PortableImageSetInfo
RootfsInfo = _RootfsInfo
