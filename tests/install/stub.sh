#!/bin/bash
# Stands in for each program that would change a machine, or tell what it is like: it notes what it was asked, and
# keeps what comes of it in files below $STATE.
name=$(basename "$0")
has() { grep -qxF "$2" "$STATE/$1" 2>/dev/null; }
add() { has "$1" "$2" || echo "$2" >>"$STATE/$1"; }
# A package by its name, by the file that it is in, or by where that is to be had.
package_of() { basename "$1" | sed -E 's/-[0-9][^-]*(-[0-9][^-]*)?(\.el[0-9]+)?\.(noarch|x86_64)\.rpm$//'; }
install_all() {
    for word in "$@"; do
        case $word in
            install | -*) ;;
            *) add packages "$(package_of "$word")" ;;
        esac
    done
}
did() { echo "$name $*" >>"$STATE/did"; }

case "$name $*" in
    "id -u") echo "${STUB_UID:-0}" ;;
    "id "*) has users "$1" ;;
    "rpm -q "*) has packages "$2" ;;
    "dpkg-query "*) has packages "${*: -1}" && echo installed ;;
    "yum install "* | "dnf install "* | "apt-get install "*) did "$@"; install_all "$@" ;;
    "dnf config-manager --add-repo "*) did "$@"; mkdir -p "$FLOCKER_INSTALL_ROOT/etc/yum.repos.d"; touch "$FLOCKER_INSTALL_ROOT/etc/yum.repos.d/docker-ce.repo" ;;
    "systemctl is-enabled --quiet "*) has enabled "$3" ;;
    "systemctl is-active --quiet "*) has active "$3" ;;
    "systemctl enable "*) did "$@"; add enabled "$2" ;;
    "systemctl start "*) did "$@"; add active "$2" ;;
    "firewall-cmd --quiet --state") has machine firewalld ;;
    "firewall-cmd --quiet --permanent --query-service="*) has opened "${3#*=}" ;;
    "firewall-cmd --permanent --add-service="*) did "$@"; add opened "${2#*=}" ;;
    "getenforce ") if has machine selinux; then echo Enforcing; else echo Disabled; fi ;;
    "setenforce "*) echo "SELinux was to be set" >&2; exit 1 ;;
    "zpool list "*) has pools "${*: -1}" ;;
    "zpool create "*) did "$@"; add pools "$4" ;;
    "zpool import "*) did "$@"; add pools "${*: -1}" ;;
    "zfs get "*) cat "$STATE/context" 2>/dev/null ;;
    "zfs set context="*) did "$@"; echo "${2#context=}" >"$STATE/context" ;;
    "semanage fcontext -l -C") cat "$STATE/labels" 2>/dev/null ;;
    "semanage fcontext -a "*) did "$@"; echo "$5 all files $4" >>"$STATE/labels" ;;
    "modprobe zfs") did "$@"; mkdir -p "$FLOCKER_INSTALL_ROOT/sys/module/zfs" ;;
    "systemd-sysusers "*) did "$@"; add users flocker-lite ;;
    "python3 -m venv "*) did "$@"; mkdir -p "$3/bin"; cp "$0" "$3/bin/pip" ;;
    "pip install "*) did "$@"; touch "$(dirname "$0")/flocker-agent"; chmod 755 "$(dirname "$0")/flocker-agent"; cp -r "$STUB_SHARE" "$(dirname "$0")/../share" ;;
    "install -d "*) did "$@"; mkdir -p "${*: -1}" ;;
    *) did "$@" ;;
esac
