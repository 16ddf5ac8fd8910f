#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# Prints an image, as lines of base64.
# Set before: image.
: "${image:?}"

base64 --wrap=65536 "$image" | while IFS= read -r line; do
  say bytes "$line"
done
