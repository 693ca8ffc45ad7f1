#!/bin/sh
set -eu
target=/mnt/usb/photos
date=$(date +%F)
mkdir -p "$target/$date"
rsync -a --delete --link-dest="$target/latest" "$HOME/photos/" "$target/$date/"
ln -sfn "$target/$date" "$target/latest"
find "$target" -maxdepth 1 -type d -mtime +90 -exec rm -r {} +
