#!/bin/sh
# PID 1 of a virtual device. Called inside fresh mount, host name and pid namespaces:
#   device-init.sh FOLDER HOSTNAME ENGINE_SOCKET_NAME RUNC
# Gives the device a root of its own (the host's files below, a memory layer on top: lost at a reboot, as on a real
# device), says "booted" on stdout, and then only buries orphans. Services are started from outside.
set -eu
folder=$1
hostname=$2
socket=$3
runc=$4 # what the engine is to run instead of the host's runc

hostname "$hostname"
mount --make-rprivate /

# A tmpfs is needed for the upper layer: overlayfs refuses one that lies beneath its own lower layer.
mount -t tmpfs -o mode=755 tmpfs "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work" "$folder/layer/root"
root=$folder/layer/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/layer/upper,workdir=$folder/layer/work" "$root"

mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
# A new sysfs shows this network namespace's devices; the cgroup mounts on the host's must stay reachable below it.
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/mnt"

mkdir -p "$root$folder" "$root/run/host"
cp "$runc" "$root/run/device-runc" # now, because this repository may lie below /tmp, which is another one from here on
mount --bind "$folder" "$root$folder"
cd "$root"
pivot_root . run/host
umount -l /run/host
rmdir /run/host

mkdir -p /run/sshd /run/dbus /run/avahi-daemon /mnt/data /lib/modules /lib/firmware
mkdir -p "$folder/data"
mount --bind "$folder/data" /mnt/data
if [ -e "$folder/disk.img" ]; then
  mount -o loop "$folder/disk.img" "$folder/docker"
fi

sed "s|^root:[^:]*:|root:$(cat "$folder/etc/root-password"):|" /etc/shadow > /run/shadow
cat /run/shadow > /etc/shadow
rm /run/shadow
mkdir -p /etc/avahi/services
mount --bind "$folder/etc/services" /etc/avahi/services
rm -rf /etc/docker /root/.docker /root/.ssh

# Later systems name the engine's client like its socket, and have no `docker`.
if [ "$socket" != docker.sock ]; then
  touch /run/engine-client
  mount --bind "$(command -v docker)" /run/engine-client
  rm -f /usr/local/bin/docker /usr/bin/docker
  client=/usr/bin/${socket%.sock}
  printf '#!/bin/sh\nexec /run/engine-client --host unix:///run/%s "$@"\n' "$socket" > "$client"
  chmod 755 "$client"
fi

if [ -s "$folder/etc/missing-capabilities" ]; then
  cp "$folder/etc/missing-capabilities" /run/missing-capabilities
  ln -s "$(command -v runc)" /run/runc-of-host
  install -D -m 755 /run/device-runc /usr/local/sbin/runc # first in the engine's PATH
fi

echo booted
exec > /dev/null 2>&1 < /dev/null
sleep infinity &
# `wait` reaps every child that dies, also those it inherited.
wait $!
