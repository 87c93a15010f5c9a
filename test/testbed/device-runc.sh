#!/bin/sh
# runc of a virtual device whose host itself lacks capabilities: Docker 20.10 asks for all of them when a container is
# privileged, and runc then refuses to start it. Takes the missing ones out of the request. See device-init.sh.
set -eu

drop_missing_capabilities() {
  for capability in $(cat /run/missing-capabilities); do
    sed -i "s/\"$capability\",//g; s/,\"$capability\"//g" "$1"
  done
}

previous=
for word; do
  case $previous in
    --bundle | -b) drop_missing_capabilities "$word/config.json" ;;
    --process | -p) drop_missing_capabilities "$word" ;;
  esac
  previous=$word
done
exec /run/runc-of-host "$@"
