#!/bin/bash
# Installs the control service on this machine, and sets who may connect to it.
#
#   master.sh [NODE_IP ...] [--cluster NAME] [--address NAME] [--authority DIR] [--packages WHERE] [--dry-run]
#   master.sh --certificates DIR [--etcd IP,IP,IP --etcd-certificates DIR] [--packages WHERE] [--dry-run]
#   master.sh --insecure [--packages WHERE] [--dry-run]
#
# Unless the machine has certificates already, it makes the cluster's authority in DIR (by default /root/flocker-ca);
# a certificate for the control service, for this host's name and addresses or for each --address instead; one for a
# user, "admin"; and for each NODE_IP a directory for node.sh. With --certificates it installs what flocker-ca made for
# this machine elsewhere. That is safer: the authority is then on a machine where no service runs. With --insecure
# everybody can connect and do everything.
#
# With --etcd this is one of three or five control services, whose addresses those are, and gets a member of etcd, with
# the certificates that `flocker-ca create-etcd` made for this machine (docs/several-control-services.rst).
#
# WHERE is the directory of our RPM packages; without it they come from the machine's repositories. On Debian and Ubuntu
# WHERE is what pip installs, such as a wheel; by default "flocker-lite".
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/certificates.sh"
. "$(dirname "$0")/etcd.sh"

user=flocker-lite
settings=/etc/sysconfig/flocker-control
variable=FLOCKER_CONTROL_OPTIONS
answer_seconds_max=30

nodes=()
names=()
cluster=flocker
authority=/root/flocker-ca
from=
insecure=no
etcd=
etcd_from=
# The options in the settings of the service.
options=

main() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) dry_run=yes ;;
            --insecure) insecure=yes ;;
            --packages) [ $# -gt 1 ] || usage; package_source=$2; shift ;;
            --certificates) [ $# -gt 1 ] || usage; from=$2; shift ;;
            --etcd) [ $# -gt 1 ] || usage; etcd=$2; shift ;;
            --etcd-certificates) [ $# -gt 1 ] || usage; etcd_from=$2; shift ;;
            --cluster) [ $# -gt 1 ] || usage; cluster=$2; shift ;;
            --authority) [ $# -gt 1 ] || usage; authority=$2; shift ;;
            --address) [ $# -gt 1 ] || usage; names+=("$2"); shift ;;
            *[!0-9a-fA-F.:]* | "") usage ;;
            *) nodes+=("$1") ;;
        esac
        shift
    done
    know_the_system
    if [ ${#names[@]} = 0 ]; then read -r -d '' -a names < <(own_names) || true; fi
    read_options
    check_request
    want_flocker flocker-lite-control
    want_unit flocker-control
    if [ "$family" = debian ]; then want_user; fi
    written=no restart=no
    want_who_gets_in
    restart=$written
    if [ -n "$etcd" ]; then
        want_etcd
        written=no
        tell_control --store "$(etcd_store)" --etcd-certificates $etcd_client --address "$etcd_own"
        if [ "$written" = yes ]; then restart=yes; fi
    fi
    want_open flocker-control-api flocker-control-agent
    if [ $restart = yes ]; then want_service flocker-control restart; else want_service flocker-control; fi
    await_answer
    if [ "$changes" != 0 ]; then say_what_is_next; fi
    finish
}

usage() {
    fail "usage: master.sh [NODE_IP ...] [--cluster NAME] [--address NAME] [--authority DIR]" \
        "[--certificates DIR | --insecure] [--etcd IP,IP,IP --etcd-certificates DIR] [--packages WHERE] [--dry-run]"
}

want_user() {
    local share=$root/opt/flocker-lite/share/flocker-lite
    if ! id $user >/dev/null 2>&1; then change systemd-sysusers "$share/sysusers/flocker-lite.conf"; fi
    if [ ! -d "$root/var/lib/flocker-lite/control" ]; then
        change install -d -m 0711 "$root/var/lib/flocker-lite"
        change install -d -m 0700 -o $user -g $user "$root/var/lib/flocker-lite/control"
    fi
}

read_options() {
    [ -f "$root$settings" ] || return 0
    options=$(sed -n "s/^$variable=//p" "$root$settings" | tail -n 1)
    options=${options#[\"\']}
    options=${options%[\"\']}
}

has_option() {
    case " $options " in
        *" $1 "* | *" $1="*) return 0 ;;
        *) return 1 ;;
    esac
}

# Fails on requests that contradict each other or the machine, before anything changes.
check_request() {
    if [ -n "$etcd$etcd_from" ]; then
        if [ -z "$etcd" ] || [ -z "$etcd_from" ]; then usage; fi
        check_etcd
    fi
    if [ $insecure = yes ]; then
        if [ -n "$from" ] || [ ${#nodes[@]} != 0 ]; then usage; fi
        if has_option --certificates; then
            fail "--insecure excludes certificates: take --certificates out of $variable in $settings first"
        fi
    elif [ -n "$from" ]; then
        [ ${#nodes[@]} = 0 ] || usage
        if has_others; then fail "take the other certificates out of $variable in $settings first"; fi
        find_certificates control "$from"
    elif [ ${#nodes[@]} != 0 ]; then
        if stays_insecure; then fail "take --insecure out of $variable in $settings first"; fi
        if has_certificates && [ ! -f "$root$authority/cluster.key" ]; then
            fail "the cluster's authority is not in $authority: run \`flocker-ca create-node --to\` where it is," \
                "or name its directory with --authority"
        fi
    fi
    case $options in
        *[\"\'\\]*) fail "there are quotes in $variable in $settings: write the line without them" ;;
    esac
}

stays_insecure() { [ -z "$from" ] && has_option --insecure; }

has_certificates() { has_option --certificates || compgen -G "$root$certificates/control-*.crt" >/dev/null; }

# Whether the settings name another directory of certificates.
has_others() {
    has_option --certificates && ! has_option "--certificates $certificates" && ! has_option "--certificates=$certificates"
}

want_who_gets_in() {
    if [ $insecure = yes ] || stays_insecure; then
        tell_control --insecure
        say "INSECURE, for a lab alone: whoever reaches the ports 4523 and 4524 of this machine can read and change" \
            "everything, and pose as any node. To end that, take --insecure out of $settings, and run master.sh again."
        return
    fi
    if ! has_others; then
        if [ -z "$from" ] && ! has_certificates; then
            want_authority
            from=$root$authority/for/control
        fi
        if [ -n "$from" ]; then want_certificates control "$from"; fi
        want_readable
        tell_control --certificates $certificates
    fi
    want_nodes
}

want_authority() {
    if [ ! -f "$root$authority/cluster.crt" ]; then
        alter "make the authority of the cluster \"$cluster\" in $authority" flocker_ca initialize "$cluster"
    fi
    if [ ! -d "$root$authority/for/control" ]; then
        alter "make the certificate of the control service, for ${names[*]}" \
            flocker_ca create-control "${names[@]}" --to "$root$authority/for/control"
    fi
    if [ ! -d "$root$authority/for/admin" ]; then
        alter "make the certificate of the user admin" flocker_ca create-user admin --to "$root$authority/for/admin"
    fi
}

want_nodes() {
    local node
    [ ${#nodes[@]} != 0 ] || return 0
    for node in "${nodes[@]}"; do
        if [ -d "$root$authority/for/$node" ]; then continue; fi
        alter "make the certificate of the node $node" flocker_ca create-node --to "$root$authority/for/$node" --address "$node"
    done
}

# Its output says what to do with the files, which this script does itself.
flocker_ca() {
    command flocker-ca --directory "$root$authority" "$@" >/dev/null ||
        fail "no certificates: correct what flocker-ca reports; --address gives the names of this machine"
}

# The names and addresses of this machine for users: no networks of containers, no temporary addresses.
own_names() {
    uname -n
    ip -o addr show scope global |
        awk '$2 !~ /^(docker|br-|veth|virbr)/ && !/ (temporary|deprecated) / { sub("/.*", "", $4); print $4 }'
}

# Sets an option of the control service; its other options and the other lines of the file stay.
tell_control() {
    local others=" $options " words
    if has_option "$1"; then return; fi
    # Splits and joins them, to drop extra blanks.
    read -r -a words <<<"$* ${others/ --insecure / }"
    # Not by a pipe: `write` would run in a subshell, and its variables would be lost.
    write $settings < <(
        # There may be no other line.
        if [ -f "$root$settings" ]; then grep -v "^$variable=" "$root$settings" || true; fi
        echo "$variable=\"${words[*]}\""
    )
    options=${words[*]}
}

# The service does not run as root.
want_readable() {
    local key
    key=$(compgen -G "$root$certificates/control-*.key") || [ "$dry_run" = yes ] || return 0
    if ! runuser -u $user -- cat "$root$certificates/cluster.crt" "$key" >/dev/null 2>&1; then
        alter "let the user $user read $certificates" let_read
    fi
}

let_read() {
    local files=("$root$certificates"/cluster.* "$root$certificates"/control-*)
    chgrp $user "$root$certificates" "${files[@]}"
    chmod 0640 "${files[@]}"
    chmod 0750 "$root$certificates"
}

# The host of this machine's URLs.
host() {
    local name
    for name in "${names[@]}"; do
        case $name in *[!0-9.]*) ;; *) echo "$name"; return ;; esac
    done
    case ${names[0]} in *:*) echo "[${names[0]}]" ;; *) echo "${names[0]}" ;; esac
}

# Asks as the first user, if this script made that one.
await_answer() {
    local admin=$root$authority/for/admin url seconds=0
    if [ "$dry_run" = yes ] || ! cmp -s "$admin/cluster.crt" "$root$certificates/cluster.crt"; then return; fi
    url=https://$(host):4523/v1/version
    until curl --silent --fail --output /dev/null --max-time 5 --cacert "$admin/cluster.crt" \
        --cert "$admin/user-admin.crt" --key "$admin/user-admin.key" "$url"; do
        seconds=$((seconds + 1))
        if [ $seconds -gt $answer_seconds_max ]; then
            fail "the control service does not answer at $url: \`journalctl -u flocker-control\` says why"
        fi
        sleep 1
    done
}

say_what_is_next() {
    local node
    if [ ! -d "$root$authority/for" ]; then return; fi
    say "with the files in $authority/for/admin you are the user admin:"
    say "  curl --cacert cluster.crt --cert user-admin.crt --key user-admin.key https://$(host):4523/v1/state/nodes"
    for node in "$root$authority/for"/*[.:]*; do
        node=$(basename "$node")
        if [ ! -d "$root$authority/for/$node" ]; then continue; fi
        say "copy $authority/for/$node to the node $node, and run there:"
        say "  ./node.sh $node $(host) --certificates $node"
    done
}

main "$@"
