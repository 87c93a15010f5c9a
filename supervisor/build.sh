#!/bin/sh
# Builds bin/rdt-init-* from init.c. On Debian: apt-get install gcc gcc-i686-linux-gnu gcc-arm-linux-gnueabi gcc-aarch64-linux-gnu
# (with their linux-libc-dev-*-cross). The same compilers make the same bytes, and a test compares them.
#   build.sh [FOLDER]     default: bin beside this script
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/bin}

build() { # <architecture, as an image names it> <tool prefix> <options...>
  name=$1 tools=$2
  shift 2
  "$tools-gcc" -std=gnu11 -Os -Wall -Wextra -Werror "$@" \
    -ffreestanding -fno-builtin -fomit-frame-pointer -fno-pic -no-pie -fno-stack-protector -fno-tree-loop-distribute-patterns \
    -fno-asynchronous-unwind-tables -fno-unwind-tables -fcf-protection=none \
    -nostdlib -static -Wl,--build-id=none,-z,noseparate-code,-z,noexecstack,--gc-sections \
    -o "$out/rdt-init-$name" "$here/init.c"
  "$tools-strip" --strip-all --remove-section=.comment --remove-section=.note.gnu.property --remove-section=.ARM.attributes "$out/rdt-init-$name"
}

mkdir -p "$out"
build amd64 x86_64-linux-gnu
build 386 i686-linux-gnu -march=i486
# Without a floating point number there is one ARM binary for all: ARMv5 instructions and the kernel's EABI, on v5, v6 and v7, soft or hard float.
build arm arm-linux-gnueabi -march=armv5te -marm -mfloat-abi=soft
build arm64 aarch64-linux-gnu
