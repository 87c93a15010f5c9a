#!/bin/sh
# usage: fetch-engine.sh SUITE FOLDER      the engine of another Debian (trixie, sid), unpacked into FOLDER, not installed
# Not into /tmp, /run or /mnt: a virtual device has its own.
set -eu
suite=$1
mkdir -p "$2/apt/lists/partial" "$2/apt/archives/partial"
folder=$(cd "$2" && pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" > "$folder/apt/sources.list"

# apt checks the signatures; the lists of this system stay as they are.
other_apt() {
  apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$folder/apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt" "$@"
}
other_apt update
cd "$folder/apt/archives"
other_apt download docker.io docker-cli containerd
for package in *.deb; do
  dpkg-deb --extract "$package" "$folder"
done
cd /
rm -r "$folder/apt"
"$folder/usr/sbin/dockerd" --version
echo "RDT_TEST_ENGINE=$folder/usr/sbin:$folder/usr/bin"
