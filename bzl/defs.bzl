"""Portable service images from Bazel: all that other repositories load.

    load("@portable_walkthrough_go//bzl:defs.bzl", "portable_image", "rootfs")

    portable_image(
        name = "image",
        portable_name = "hello",
        binary = "//hello",
        os_release = "os-release",
        units = ["hello.service", "hello.socket"],
        rootfs = [":skeleton"],
    )
"""

load("//bzl/private:portable_image.bzl", _portable_image = "portable_image")
load("//bzl/private:portable_image_info.bzl", _PortableImageInfo = "PortableImageInfo")
load("//bzl/private:portable_image_set.bzl", _portable_image_set = "portable_image_set")
load("//bzl/private:portable_image_set_info.bzl", _PortableImageSetInfo = "PortableImageSetInfo")
load("//bzl/private:rootfs.bzl", _rootfs = "rootfs")
load("//bzl/private:rootfs_info.bzl", _RootfsInfo = "RootfsInfo")

portable_image = _portable_image
portable_image_set = _portable_image_set
rootfs = _rootfs

PortableImageInfo = _PortableImageInfo
PortableImageSetInfo = _PortableImageSetInfo
RootfsInfo = _RootfsInfo
