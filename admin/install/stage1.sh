#!/bin/bash
# Installs ZFS on a fresh machine, as a module for the distribution's kernel, so that it can become a node.
#
#   stage1.sh [--dry-run]
#
# On CentOS 7, EL 8 and 9 it takes the kABI-tracking module of the OpenZFS project, with no compiler and no reboot.
# On Debian it takes Debian's packages, which are in the section "contrib"; on Ubuntu those of Ubuntu.
set -euo pipefail
. "$(dirname "$0")/common.sh"

zfs_releases=${FLOCKER_ZFS_RELEASES:-https://zfsonlinux.org/epel}

main() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) dry_run=yes ;;
            *) fail "usage: stage1.sh [--dry-run]" ;;
        esac
        shift
    done
    know_the_system
    case $family in
        el) want_zfs_of_openzfs ;;
        debian) want_zfs_of_debian ;;
    esac
    want_module
    finish
}

want_zfs_of_openzfs() {
    local release=zfs-release-2-8
    local repositories=(dnf config-manager)
    if [ "$major" = 7 ]; then
        release=zfs-release-2-3
        repositories=(yum-config-manager)
        want_packages yum-utils
    else
        want_packages dnf-plugins-core
    fi
    want_packages epel-release
    if ! is_installed zfs-release; then
        change "$installer" install -y "$zfs_releases/$release.el$major.noarch.rpm"
    fi
    if is_installed zfs; then return; fi
    # The default repository has the module as source, which each new kernel would compile again.
    change "${repositories[@]}" --disable zfs
    change "${repositories[@]}" --enable zfs-kmod
    want_packages zfs
}

want_zfs_of_debian() {
    if grep -qx 'ID=debian' "$root/etc/os-release"; then
        want_packages linux-headers-amd64 zfs-dkms
    fi
    want_packages zfsutils-linux
}

want_module() {
    write /etc/modules-load.d/flocker-lite-zfs.conf <<<zfs
    if [ ! -d "$root/sys/module/zfs" ]; then change modprobe zfs; fi
}

main "$@"
