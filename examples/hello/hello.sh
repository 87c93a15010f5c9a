#!/bin/sh
# Says what it was told to say, once a second.
while true; do
  echo "$(cat greeting.txt) from $(hostname)"
  sleep 1
done
