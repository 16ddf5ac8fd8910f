#!/bin/sh
# Data: nothing in the image runs it, so that it needs no shell there.
exit 1
