# How master.sh and node.sh install the certificates that flocker-ca made for a machine.
# shellcheck shell=bash disable=SC2154  # common.sh sets what is not set here

certificates=/etc/flocker-lite/certificates
bundle=()

# Sets `bundle` to the certificate files in a directory for a control service or a node (KIND). Fails when one is
# missing, or when this machine has the certificate of another one already.
find_certificates() {
    local kind=$1 from=$2 found file here
    found=("$from/$kind"-*.crt)
    if [ ${#found[@]} != 1 ] || [ ! -f "${found[0]}" ]; then
        fail "$from should have one $kind-NAME.crt: copy there what \`flocker-ca create-$kind --to\` made for this machine"
    fi
    bundle=("$from/cluster.crt" "${found[0]%.crt}.key" "${found[0]}")
    for file in "${bundle[@]}"; do
        [ -f "$file" ] || fail "there is no $file: copy the whole directory that \`flocker-ca create-$kind --to\` made"
    done
    for here in "$root$certificates/$kind"-*.crt; do
        if [ -f "$here" ] && [ "$(basename "$here")" != "$(basename "${found[0]}")" ]; then
            fail "this machine has $here, and should have $(basename "${found[0]}"): move the first one away"
        fi
    done
    # The list of revoked certificates on this machine may be newer.
    if [ -f "$from/cluster.revoked" ] && [ ! -f "$root$certificates/cluster.revoked" ]; then
        bundle+=("$from/cluster.revoked")
    fi
}

# Copies the files to where the daemons look; they notice new files by themselves.
want_certificates() {
    local kind=$1 from=$2 file differ=no
    if [ "$dry_run" = no ] || [ -d "$from" ]; then
        find_certificates "$kind" "$from"
        for file in "${bundle[@]}"; do
            cmp -s "$file" "$root$certificates/$(basename "$file")" || differ=yes
        done
    else
        differ=yes
    fi
    if [ $differ = yes ]; then alter "copy the files in $from to $certificates" copy_certificates; fi
}

copy_certificates() {
    local file target
    [ -d "$root$certificates" ] || mkdir -p "$root$certificates"
    for file in "${bundle[@]}"; do
        target=$root$certificates/$(basename "$file")
        rm -f "$target.new"
        if [ -f "$target" ]; then cp -a "$target" "$target.new"; fi
        (umask 077 && cat "$file" >"$target.new")
        mv "$target.new" "$target"
    done
}
