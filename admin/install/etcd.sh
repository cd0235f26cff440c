# How master.sh sets up this machine's member of etcd, for several control services.
# shellcheck shell=bash disable=SC2154  # common.sh and master.sh set what is not set here

etcd_members=()
etcd_own=
etcd_files=(ca.crt server.crt server.key client.crt client.key)
etcd_tls=/etc/etcd/tls
etcd_client=/etc/flocker-lite/etcd

# Knows the members and this machine among them; fails before anything changes.
check_etcd() {
    local member name file
    IFS=, read -r -a etcd_members <<<"$etcd"
    if [ ${#etcd_members[@]} -lt 3 ] || [ $((${#etcd_members[@]} % 2)) = 0 ]; then
        fail "--etcd needs the addresses of 3 or 5 machines, with commas between them"
    fi
    for member in "${etcd_members[@]}"; do
        for name in "${names[@]}"; do if [ "$member" = "$name" ]; then etcd_own=$member; fi; done
    done
    [ -n "$etcd_own" ] || fail "this machine is none of $etcd: name it by one of its addresses, or with --address"
    for file in "${etcd_files[@]}"; do
        [ -f "$etcd_from/$file" ] ||
            fail "there is no $etcd_from/$file: copy the directory that \`flocker-ca create-etcd $etcd_own\` made"
    done
}

want_etcd() {
    local settings_of_etcd=/etc/default/etcd package=etcd-server changed=no
    if [ "$family" = el ]; then settings_of_etcd=/etc/etcd/etcd.conf package=etcd; fi
    want_packages $package
    want_etcd_files $etcd_tls etcd ca.crt server.crt server.key
    changed=$written
    want_etcd_files $etcd_client "$user" ca.crt client.crt client.key
    write $settings_of_etcd < <(etcd_settings)
    if [ "$written" = yes ]; then changed=yes; fi
    want_open etcd-client etcd-server
    systemctl is-enabled --quiet etcd 2>/dev/null || change systemctl enable etcd
    # A new member is ready once the second one is there: do not wait for it.
    if ! systemctl is-active --quiet etcd; then
        change systemctl --no-block start etcd
    elif [ $changed = yes ]; then
        change systemctl --no-block restart etcd
    fi
}

# Copies files for a group to a directory; sets `written`.
want_etcd_files() {
    local to=$1 group=$2 file differ=no
    shift 2
    for file in "$@"; do cmp -s "$etcd_from/$file" "$root$to/$file" || differ=yes; done
    written=$differ
    if [ $differ = yes ]; then alter "copy etcd's certificates to $to" copy_etcd_files "$to" "$group" "$@"; fi
}

copy_etcd_files() {
    local to=$1 group=$2 file
    shift 2
    mkdir -p "$root$to"
    for file in "$@"; do
        (umask 077 && cat "$etcd_from/$file" >"$root$to/$file.new")
        chgrp "$group" "$root$to/$file.new"
        chmod 0640 "$root$to/$file.new"
        mv "$root$to/$file.new" "$root$to/$file"
    done
}

etcd_settings() {
    local member all=
    for member in "${etcd_members[@]}"; do all=$all,$member=$(etcd_url "$member" 2380); done
    cat <<END
# Written by master.sh --etcd.
ETCD_NAME=$etcd_own
ETCD_DATA_DIR=/var/lib/etcd/default
ETCD_INITIAL_CLUSTER=${all#,}
ETCD_INITIAL_CLUSTER_TOKEN=flocker-lite
ETCD_INITIAL_ADVERTISE_PEER_URLS=$(etcd_url "$etcd_own" 2380)
ETCD_LISTEN_PEER_URLS=$(etcd_url "$etcd_own" 2380)
ETCD_LISTEN_CLIENT_URLS=$(etcd_url "$etcd_own" 2379)
ETCD_ADVERTISE_CLIENT_URLS=$(etcd_url "$etcd_own" 2379)
ETCD_CLIENT_CERT_AUTH=true
ETCD_TRUSTED_CA_FILE=$etcd_tls/ca.crt
ETCD_CERT_FILE=$etcd_tls/server.crt
ETCD_KEY_FILE=$etcd_tls/server.key
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_PEER_TRUSTED_CA_FILE=$etcd_tls/ca.crt
ETCD_PEER_CERT_FILE=$etcd_tls/server.crt
ETCD_PEER_KEY_FILE=$etcd_tls/server.key
END
}

etcd_url() {
    case $1 in
        *:*) echo "https://[$1]:$2" ;;
        *) echo "https://$1:$2" ;;
    esac
}

# What the control service is told: its own member first.
etcd_store() {
    local member all
    all=etcd:$(etcd_url "$etcd_own" 2379)
    for member in "${etcd_members[@]}"; do
        if [ "$member" != "$etcd_own" ]; then all=$all,$(etcd_url "$member" 2379); fi
    done
    echo "$all"
}
