#!/bin/bash
# Makes this machine a node: installs Docker, a pool, an sshd that accepts datasets from other nodes, and an agent with
# its own address, that of the control service, and its certificate.
#
#   node.sh NODE_IP MASTER_IP [--certificates DIR | --insecure] [--disk DEVICE] [--packages WHERE] [--dry-run]
#
# DIR is the directory that master.sh NODE_IP or `flocker-ca create-node --to` made; without it, the certificates must
# be in /etc/flocker-lite/certificates. With --insecure the agent obeys whoever answers at MASTER_IP. The script makes
# the pool "flocker" on DEVICE, which must be empty, or in a sparse file below /var/opt. An existing pool stays as it
# is. WHERE is as for master.sh.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/certificates.sh"
. "$(dirname "$0")/sshd.sh"

pool=flocker
pool_file=/var/opt/flocker/pool-vdev
pool_file_size=10G
settings=/etc/sysconfig/flocker-agent
agent_file=/etc/flocker-lite/agent.yml
# The SELinux type of files that containers may read and write; SELinux stays enforcing.
container_type=container_file_t

from=
insecure=no
# The line about certificates for the agent's file; empty when the file has one, or needs none.
line=

main() {
    local addresses=() disk=
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) dry_run=yes ;;
            --insecure) insecure=yes ;;
            --certificates) [ $# -gt 1 ] || usage; from=$2; shift ;;
            --disk) [ $# -gt 1 ] || usage; disk=$2; shift ;;
            --packages) [ $# -gt 1 ] || usage; package_source=$2; shift ;;
            -*) usage ;;
            *) addresses+=("$1") ;;
        esac
        shift
    done
    [ ${#addresses[@]} = 2 ] || usage
    know_the_system
    choose_certificates "${addresses[1]}"
    [ "$dry_run" = yes ] || command -v zpool >/dev/null || fail "there is no ZFS: run stage1.sh first"
    want_docker
    want_pool "$disk"
    want_flocker flocker-lite-node
    want_unit flocker-agent flocker-volumes.socket
    if has_selinux; then want_labels; fi
    want_open ssh
    want_sshd "${addresses[0]}"
    if [ -n "$from" ]; then want_certificates node "$from"; fi
    want_agent "${addresses[@]}"
    finish
}

usage() {
    fail "usage: node.sh NODE_IP MASTER_IP [--certificates DIR | --insecure] [--disk DEVICE] [--packages WHERE] [--dry-run]"
}

# Fails if the agent would not start, before anything changes.
choose_certificates() {
    local master=$1
    if [ $insecure = yes ]; then
        [ -z "$from" ] || usage
        if says certificates; then fail "--insecure excludes certificates: take \"certificates:\" out of $agent_file first"; fi
        line="insecure: true"
    elif [ -n "$from" ]; then
        find_certificates node "$from"
        line="certificates: $certificates"
    elif says certificates || says insecure; then
        line=
    elif compgen -G "$root$certificates/node-*.crt" >/dev/null; then
        find_certificates node "$root$certificates"
        line="certificates: $certificates"
    else
        case $master in
            127.* | ::1 | localhost) say "without certificates this node is in a cluster of one machine" ;;
            *)
                fail "without certificates the agent obeys nobody at $master: run \`master.sh NODE_IP\` there, copy the" \
                    "directory that it names, and pass --certificates; for a lab there is --insecure"
                ;;
        esac
    fi
    if [ $insecure = yes ] || { [ -z "$line" ] && says insecure; }; then
        say "INSECURE, for a lab alone: the agent is root here, and obeys whoever answers at $master. To end that, take" \
            "\"insecure:\" out of $agent_file, and run node.sh again with --certificates."
    fi
}

says() { [ -f "$root$agent_file" ] && grep -q "^$1:" "$root$agent_file"; }

want_docker() {
    case $family$major in
        el7) want_packages docker ;;
        el*)
            if [ ! -f "$root/etc/yum.repos.d/docker-ce.repo" ]; then
                change dnf config-manager --add-repo https://download.docker.com/linux/centos/docker-ce.repo
            fi
            want_packages docker-ce nftables
            ;;
        debian*) want_packages docker.io nftables openssh-server rsync ;;
    esac
    want_service docker
}

want_pool() {
    local disk=$1
    if command -v zpool >/dev/null && zpool list -H -o name "$pool" >/dev/null 2>&1; then return; fi
    if [ -n "$disk" ]; then
        # Without -f: zpool refuses a device that is not empty.
        change zpool create -m "/$pool" "$pool" "$disk"
    elif [ -e "$root$pool_file" ]; then
        # The file may have a pool with data that is just not imported.
        change zpool import -d "$root$(dirname $pool_file)" "$pool"
    else
        change mkdir -p "$root$(dirname $pool_file)"
        change truncate -s $pool_file_size "$root$pool_file"
        change zpool create -m "/$pool" "$pool" "$root$pool_file"
    fi
    want_service zfs-import-cache
    want_service zfs.target
}

# Instead of `setenforce 0`: labels files for containers and for sshd.
want_labels() {
    local label=system_u:object_r:$container_type:s0 path type
    # As a property of the pool, it also applies to datasets from other nodes.
    if [ "$(zfs get -H -o value context $pool 2>/dev/null)" != "$label" ]; then
        change zfs set "context=$label" $pool
    fi
    if [ "$major" = 7 ]; then want_packages policycoreutils-python; else want_packages policycoreutils-python-utils; fi
    # The policy has /run as /var/run, and refuses rules for /run.
    while read -r path type; do
        if ! { semanage fcontext -l -C 2>/dev/null || true; } | grep -qF "$path(/.*)?"; then
            change semanage fcontext -a -t "$type" "$path(/.*)?"
            if [ -d "$root$path" ]; then change restorecon -R "$root$path"; fi
        fi
    done <<END
/var/lib/flocker-lite/poised $container_type
/var/run/flocker-lite/released $container_type
/var/lib/flocker-lite/ssh ssh_home_t
END
    # If the agent made them, they would have the labels of their parents.
    write /etc/tmpfiles.d/flocker-lite.conf <<END
d /var/lib/flocker-lite/poised 0755 root root -
d /var/lib/flocker-lite/ssh 0700 root root -
d /run/flocker-lite 0700 root root -
d /run/flocker-lite/released 0755 root root -
END
    if [ "$written" = yes ]; then change systemd-tmpfiles --create "$root/etc/tmpfiles.d/flocker-lite.conf"; fi
}

# Writes the agent's two addresses to its environment, and its certificates to its file; other lines of both stay.
want_agent() {
    local restart=no
    # Not by a pipe: `write` would run in a subshell, and its variables would be lost.
    write $settings < <(
        echo "FLOCKER_NODE_NAME=$1"
        echo "FLOCKER_CONTROL_NODE=$2"
        if [ -f "$root$settings" ]; then
            grep -v -e '^FLOCKER_NODE_NAME=' -e '^FLOCKER_CONTROL_NODE=' "$root$settings"
        fi
    )
    if [ "$written" = yes ]; then restart=restart; fi
    write $agent_file < <(
        if [ -z "$line" ]; then agent_text; else agent_text | grep -v -E '^(# )?(certificates|insecure):'; echo "$line"; fi
    )
    if [ "$written" = yes ]; then restart=restart; fi
    want_service flocker-agent $restart
}

agent_text() {
    local shipped=$root/opt/flocker-lite/share/flocker-lite/agent.yml
    if [ -f "$root$agent_file" ]; then
        cat "$root$agent_file"
    elif [ -f "$shipped" ]; then
        cat "$shipped"
    else
        echo "version: 1"
    fi
}

main "$@"
