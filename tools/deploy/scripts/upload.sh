#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# Receives an image on standard input. What an earlier, broken copy left is kept, if its
# bytes are right, so that a copy goes on where it stopped. The image gets its name only when it is whole,
# has the right digest and is on the disk.
# Set before: file, digest, size, roothash and signature (base64): what belongs beside it; or empty.
: "${file:?}" "${digest:?}" "${size:?}" "${roothash=}" "${signature=}"

mkdir -p "$directory" || fail "can't make $directory"
part=$directory/.#$file.part
exec 8>>"$part" || fail "can't write $part"
flock --timeout 90 8 || fail "another copy to $part is still under way"
have=$(stat -c %s "$part")
[ "$have" -le "$size" ] || have=0
sum=$(head -c "$have" "$part" | sha256sum)
say have "$have ${sum%% *}"
IFS= read -r from || fail 'the connection was lost before the copy began'
truncate -s "$from" "$part"
have=$from
while [ "$have" -lt "$size" ]; do
  left=$((size - have))
  [ $left -le 1048576 ] || left=1048576
  # Silence is a lost connection; what came before it stays.
  if ! words=$(timeout 60 head -c $left 2>&1 >&8) && [ -n "$words" ]; then
    rm -f "$part"
    fail "can't write $part"
  fi
  before=$have
  have=$(stat -c %s "$part")
  [ "$have" -gt "$before" ] || fail "the copy ended after $have of $size bytes; the next call goes on from there"
done
sum=$(sha256sum "$part")
if [ "${sum%% *}" != "$digest" ]; then
  rm -f "$part"
  fail "the copy has the digest ${sum%% *}, not $digest"
fi
beside=$directory/${file%.raw}.roothash
if [ -n "$roothash" ] && ! printf %s "$roothash" >"$beside"; then fail "can't write $beside"; fi
if [ -n "$signature" ] && ! printf %s "$signature" | base64 -d >"$beside.p7s"; then fail "can't write $beside.p7s"; fi
if ! { chmod 0444 "$part" && sync "$part" && mv -T "$part" "$directory/$file" && sync "$directory"; }; then
  fail "can't store $directory/$file"
fi
say stored "$directory/$file"
