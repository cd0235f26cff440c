#!/bin/bash
# Makes this machine the one of the control service.
#
#   master.sh [--packages WHERE] [--dry-run]
#
# WHERE is the directory of our RPM packages; without it they come from the repositories that the machine has. On
# Debian and Ubuntu it is what pip is to install, a wheel say, "flocker-lite" without it.
set -euo pipefail
. "$(dirname "$0")/common.sh"

main() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) dry_run=yes ;;
            --packages) [ $# -gt 1 ] || usage; package_source=$2; shift ;;
            *) usage ;;
        esac
        shift
    done
    know_the_system
    want_flocker flocker-lite-control
    want_unit flocker-control
    if [ "$family" = debian ]; then want_user; fi
    want_open flocker-control-api flocker-control-agent
    want_service flocker-control
    finish
}

usage() { fail "usage: master.sh [--packages WHERE] [--dry-run]"; }

want_user() {
    local share=$root/opt/flocker-lite/share/flocker-lite
    if ! id flocker-lite >/dev/null 2>&1; then change systemd-sysusers "$share/sysusers/flocker-lite.conf"; fi
    if [ ! -d "$root/var/lib/flocker-lite/control" ]; then
        change install -d -m 0711 "$root/var/lib/flocker-lite"
        change install -d -m 0700 -o flocker-lite -g flocker-lite "$root/var/lib/flocker-lite/control"
    fi
}

main "$@"
