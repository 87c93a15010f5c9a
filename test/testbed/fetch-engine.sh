#!/bin/sh
# usage: fetch-engine.sh SUITE FOLDER      the engine of another Debian (trixie, sid), unpacked into FOLDER, not installed
# Not into /tmp, /run or /mnt: a virtual device has its own.
set -eu
suite=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" > "$apt/sources.list"

# apt checks the signatures; the lists of this system stay as they are.
other_apt() {
  apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt" "$@"
}
other_apt update
cd "$apt/archives"
other_apt download docker.io docker-cli containerd
for package in *.deb; do
  dpkg-deb --extract "$package" "$folder"
done
"$folder/usr/sbin/dockerd" --version
echo "RDT_TEST_ENGINE=$folder/usr/sbin:$folder/usr/bin"
