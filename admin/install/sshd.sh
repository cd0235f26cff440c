# Makes sshd accept the agents of other nodes, for node.sh.
# shellcheck shell=bash disable=SC2154  # common.sh sets the variables that are not set here

sshd_file=/etc/ssh/sshd_config
sshd_drop_in=/etc/ssh/sshd_config.d/flocker-lite.conf
# The agent writes the keys of other nodes to this file; no such key opens a shell.
keys_file=/var/lib/flocker-lite/ssh/authorized_keys
mark="# flocker-lite"

# want_sshd ADDRESS: other nodes have addresses like ADDRESS. A block of sshd's configuration may hold for some only.
want_sshd() {
    local address=$1 service=sshd
    if [ "$family" = debian ]; then
        service=ssh
        # Where a socket starts sshd, this folder may be missing until then. Without it sshd answers no question.
        [ -d "$root/run/sshd" ] || change mkdir -p "$root/run/sshd"
    fi
    systemctl is-active --quiet $service.socket || want_service $service
    if [ "$dry_run" = yes ] && ! command -v sshd >/dev/null; then return; fi
    if ! ask_sshd >/dev/null; then
        fail "sshd does not take its own configuration, as it says above: mend that, and run node.sh again"
    fi
    if ! knows_keys; then open_sshd $service; fi
    if [ "$(setting permitrootlogin)" = no ]; then
        complain "nothing can be moved to this node: PermitRootLogin is \"no\" for $address. With" \
            "\"forced-commands-only\" root still gets no shell: put that into $sshd_file, and reload $service"
    fi
}

# Prints the settings that sshd would have for root from ADDRESS; on stderr sshd says what it does not understand.
ask_sshd() { sshd -T -f "$root$sshd_file" -C "user=root,host=$address,addr=$address"; }

setting() { ask_sshd 2>/dev/null | sed -n "s/^$1 //p"; }

knows_keys() {
    case " $(setting authorizedkeysfile) " in
        *" $keys_file "*) return 0 ;;
        *) return 1 ;;
    esac
}

# Adds our file to those that sshd looks at for root already. If sshd refuses that, the file of before comes back.
open_sshd() {
    local service=$1 file=$sshd_file before lines files
    files=$(setting authorizedkeysfile)
    files=${files/#none/}
    printf -v lines 'Match User root\n    AuthorizedKeysFile %s\n' "${files:+$files }$keys_file"
    if grep -Eiq '^[[:space:]]*Include[[:space:]].*sshd_config\.d/\*' "$root$sshd_file"; then file=$sshd_drop_in; fi
    before=$root$file.before
    rm -f "$before"
    if [ "$dry_run" = no ] && [ -f "$root$file" ]; then cp -a "$root$file" "$before"; fi
    if [ $file = $sshd_drop_in ]; then
        write $file < <(printf %s "$lines")
    else
        write $file < <(
            awk "/^$mark: begin/ { ours = 1 } !ours; /^$mark: end/ { ours = 0 }" "$root$file"
            printf '%s: begin\n%s%s: end\n' "$mark" "$lines" "$mark"
        )
    fi
    if [ "$dry_run" = no ] && ! { sshd -t -f "$root$sshd_file" && knows_keys; }; then
        if [ -f "$before" ]; then mv "$before" "$root$file"; else rm "$root$file"; fi
        fail "sshd does not look at $keys_file for root with what was written to $file, which is taken back: add it to" \
            "the AuthorizedKeysFile that holds for root, and run node.sh again"
    fi
    rm -f "$before"
    if [ "$dry_run" = yes ] || systemctl is-active --quiet "$service"; then change systemctl reload "$service"; fi
}
