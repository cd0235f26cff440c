#!/bin/sh
# The guest's first process: prepare the system, run the command of the job, report, power off.
#
# Port 1 of the virtio serial device carries the command's standard output, port 2 its standard
# error, both byte for byte; port 3 says "started", then "ended CODE OUTPUT-BYTES ERROR-BYTES".

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 PYTHONPATH=/checkout:/dependencies

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs tmp /tmp
mkdir -p /dev/pts /dev/shm /run/sshd /run/lock /dependencies
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t ext4 -o ro /dev/vdc /dependencies
ln -sf /proc/self/mounts /etc/mtab
hostname openzfs
ip link set lo up
modprobe zfs

# zpool waits for udev to name a disk's partitions.
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=block

while [ ! -c /dev/vport0p3 ]; do sleep 0.05; done
exec 3>/dev/vport0p3

carry() { dd bs=32k if="/run/$1" of="/dev/vport0p$2" 2>"/run/$1.count" & }
carried() { tail -n 1 "/run/$1.count" | cut -d ' ' -f 1; }
mkfifo /run/output /run/error
carry output 1; output=$!
carry error 2; error=$!

cd /checkout
mkdir /sys/fs/cgroup/command
echo started >&3
(
    echo 0 >/sys/fs/cgroup/command/cgroup.procs
    exec setsid sh /job/command </dev/null >/run/output 2>/run/error 3>&-
)
code=$?

# What the command left running would keep the two pipes open.
echo 1 >/sys/fs/cgroup/command/cgroup.kill
wait $output $error
echo "ended $code $(carried output) $(carried error)" >&3
sync
echo o >/proc/sysrq-trigger
sleep 60
