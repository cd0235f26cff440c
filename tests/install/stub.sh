#!/bin/bash
# Stands in for each program that would change a machine, or tell what it is like: it notes what it was asked, and
# keeps what comes of it in files below $STATE.
name=${0##*/}
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
# What sshd would take of its files: those in the directory only where they are included.
sshd_says() {
    local config=$FLOCKER_INSTALL_ROOT/etc/ssh/sshd_config included=()
    if grep -q '^Include' "$config"; then included=("$FLOCKER_INSTALL_ROOT"/etc/ssh/sshd_config.d/*.conf); fi
    sed -n "s/^ *$1 //p" "$config" "${included[@]}" 2>/dev/null | tail -n 1
}
# A pair of files, and what goes with them.
certify() { touch "$1.crt" "$1.key"; if [ "${2:-}" = --to ]; then mkdir -p "$3" && cp "${1%/*}/cluster.crt" "$1".* "$3"; fi; }
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
    "systemctl --no-block start "*) did "$@"; add active "$3" ;;
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
    "flocker-ca "*" initialize "*) did "$@"; mkdir -p "$2"; touch "$2/cluster.crt" "$2/cluster.key" ;;
    "flocker-ca "*" create-control "*) did "$@"; certify "$2/control-$4" --to "${*: -1}" ;;
    "flocker-ca "*" create-node "*) did "$@"; certify "$2/node-of-$(basename "$5")" --to "$5" ;;
    "flocker-ca "*" create-user "*) did "$@"; certify "$2/user-$4" --to "$6" ;;
    "uname -n") echo master ;;
    "ip -o addr show scope global") echo "2: eth0    inet 10.0.0.10/24 brd 10.0.0.255 scope global eth0"; echo "3: docker0    inet 172.17.0.1/16 scope global docker0" ;;
    "curl "*) has active flocker-control ;;
    "runuser "*) has readers flocker-lite ;;
    "chgrp "*) did "$@"; add readers "$1" ;;
    "sshd -t "*) has machine deaf-sshd || ! grep -q broken "$FLOCKER_INSTALL_ROOT/etc/ssh/sshd_config" ;;
    "sshd -T "*)
        if grep -q broken "$FLOCKER_INSTALL_ROOT/etc/ssh/sshd_config"; then echo "line 1: broken" >&2; exit 255; fi
        keys=$(sshd_says AuthorizedKeysFile) login=$(sshd_says PermitRootLogin)
        if has machine deaf-sshd; then keys=; fi
        echo "authorizedkeysfile ${keys:-.ssh/authorized_keys}"
        echo "permitrootlogin ${login:-without-password}"
        ;;
    "systemd-sysusers "*) did "$@"; add users flocker-lite ;;
    "python3 -m venv "*) did "$@"; mkdir -p "$3/bin"; cp "$0" "$3/bin/pip" ;;
    "pip install "*) did "$@"; touch "$(dirname "$0")/flocker-agent"; chmod 755 "$(dirname "$0")/flocker-agent"; cp -r "$STUB_SHARE" "$(dirname "$0")/../share" ;;
    "install -d "*) did "$@"; mkdir -p "${*: -1}" ;;
    *) did "$@" ;;
esac
