#!/bin/bash
# Makes this machine a node: Docker, a pool, and an agent that knows its own address and the control service's.
#
#   node.sh NODE_IP MASTER_IP [--disk DEVICE] [--packages WHERE] [--dry-run]
#
# The pool "flocker" is made on DEVICE, which must have nothing on it, or else in a sparse file below /var/opt. One
# that there is already is left as it is. WHERE is as master.sh has it.
set -euo pipefail
. "$(dirname "$0")/common.sh"

pool=flocker
pool_file=/var/opt/flocker/pool-vdev
pool_file_size=10G
# What a container may read and write under SELinux, which goes on enforcing.
container_type=container_file_t

main() {
    local addresses=() disk=
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) dry_run=yes ;;
            --disk) [ $# -gt 1 ] || usage; disk=$2; shift ;;
            --packages) [ $# -gt 1 ] || usage; package_source=$2; shift ;;
            -*) usage ;;
            *) addresses+=("$1") ;;
        esac
        shift
    done
    [ ${#addresses[@]} = 2 ] || usage
    know_the_system
    [ "$dry_run" = yes ] || command -v zpool >/dev/null || fail "there is no ZFS: run stage1.sh first"
    want_docker
    want_pool "$disk"
    want_flocker flocker-lite-node
    want_unit flocker-agent
    if has_selinux; then want_labels; fi
    tell_agent "${addresses[@]}"
    if [ "$written" = yes ]; then want_service flocker-agent restart; else want_service flocker-agent; fi
    finish
}

usage() { fail "usage: node.sh NODE_IP MASTER_IP [--disk DEVICE] [--packages WHERE] [--dry-run]"; }

want_docker() {
    case $family$major in
        el7) want_packages docker ;;
        el*)
            if [ ! -f "$root/etc/yum.repos.d/docker-ce.repo" ]; then
                change dnf config-manager --add-repo https://download.docker.com/linux/centos/docker-ce.repo
            fi
            want_packages docker-ce nftables
            ;;
        debian*) want_packages docker.io nftables openssh-server ;;
    esac
    want_service docker
}

want_pool() {
    local disk=$1
    if command -v zpool >/dev/null && zpool list -H -o name "$pool" >/dev/null 2>&1; then return; fi
    if [ -n "$disk" ]; then
        # Without -f: zpool refuses a device that has something on it.
        change zpool create -m "/$pool" "$pool" "$disk"
    elif [ -e "$root$pool_file" ]; then
        # It may have a pool with data in it that is only not imported.
        change zpool import -d "$root$(dirname $pool_file)" "$pool"
    else
        change mkdir -p "$root$(dirname $pool_file)"
        change truncate -s $pool_file_size "$root$pool_file"
        change zpool create -m "/$pool" "$pool" "$root$pool_file"
    fi
    want_service zfs-import-cache
    want_service zfs.target
}

# Instead of `setenforce 0`: what containers are to use is labelled as theirs.
want_labels() {
    local label=system_u:object_r:$container_type:s0 path
    # As a property of the pool, datasets that come from another node have it as well.
    if [ "$(zfs get -H -o value context $pool 2>/dev/null)" != "$label" ]; then
        change zfs set "context=$label" $pool
    fi
    if [ "$major" = 7 ]; then want_packages policycoreutils-python; else want_packages policycoreutils-python-utils; fi
    for path in /var/lib/flocker-lite/poised /run/flocker-lite/released; do
        if ! { semanage fcontext -l -C 2>/dev/null || true; } | grep -qF "$path(/.*)?"; then
            change semanage fcontext -a -t $container_type "$path(/.*)?"
            if [ -d "$root$path" ]; then change restorecon -R "$root$path"; fi
        fi
    done
}

# The two variables of the agent's environment; other lines of the file stay.
tell_agent() {
    local file=/etc/sysconfig/flocker-agent
    # Not by a pipe: what it notes would be lost with the shell at its end.
    write $file < <(
        echo "FLOCKER_NODE_NAME=$1"
        echo "FLOCKER_CONTROL_NODE=$2"
        if [ -f "$root$file" ]; then grep -v -e '^FLOCKER_NODE_NAME=' -e '^FLOCKER_CONTROL_NODE=' "$root$file"; fi
    )
}

main "$@"
