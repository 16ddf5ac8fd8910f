#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# Prints an image, as lines of base64 between two of "bytes". They have no key: a loop in sh that gave them one would
# read them byte by byte.
# Set before: image.
: "${image:?}"

say bytes begin
base64 --wrap=65536 "$image" || fail "can't read $image"
say bytes end
