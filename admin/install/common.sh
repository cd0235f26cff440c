# Shared by stage1.sh, master.sh and node.sh: they print each change, and make only those that are missing. With
# --dry-run they only print them.
# shellcheck shell=bash

# The root of the machine's files; only tests use another directory.
root=${FLOCKER_INSTALL_ROOT:-}
program=$(basename "$0")
dry_run=no
package_source=
changes=0
troubles=()
# The daemons must be able to read what we write, whatever root's own umask is.
umask 022

fail() {
    echo "$program: $*" >&2
    exit 1
}

say() { echo "$program: $*"; }

# Runs a command that changes the machine.
change() {
    changes=$((changes + 1))
    if [ "$dry_run" = yes ]; then
        echo "would run: $*"
    else
        echo "run: $*"
        "$@"
    fi
}

# Makes a change that is no single command: a description, and the function that makes it.
alter() {
    changes=$((changes + 1))
    if [ "$dry_run" = yes ]; then
        echo "would $1"
    else
        echo "$1"
        "${@:2}"
    fi
}

# Remembers a problem that a person must solve; `finish` prints it, and the script fails.
complain() { troubles+=("$*"); }

# Writes stdin to a file if its content differs; `written` says whether it did.
write() {
    local path=$1 content
    written=no
    content=$(cat; echo .)
    content=${content%.}
    if [ -f "$root$path" ] && [ "$(cat "$root$path"; echo .)" = "$content." ]; then return; fi
    written=yes
    changes=$((changes + 1))
    if [ "$dry_run" = yes ]; then
        echo "would write: $path"
    else
        echo "write: $path"
        mkdir -p "$root$(dirname "$path")"
        # Keep the owner and the mode.
        if [ -f "$root$path" ]; then cp -a "$root$path" "$root$path.new"; fi
        printf %s "$content" >"$root$path.new"
        mv "$root$path.new" "$root$path"
    fi
}

# Sets `family` (el or debian), `major` and `installer`; fails on systems that the scripts do not support.
know_the_system() {
    [ "$(id -u)" = 0 ] || fail "run it as root"
    local system
    # shellcheck disable=SC1091
    system=$(. "$root/etc/os-release" && echo "$ID ${VERSION_ID%%.*}")
    # shellcheck disable=SC2034
    major=${system#* }
    case $system in
        "centos 7" | "rhel 7") family=el installer=yum ;;
        "centos "[89] | "rhel "[89] | "rocky "[89] | "almalinux "[89]) family=el installer=dnf ;;
        "debian "* | "ubuntu "*) family=debian installer=apt-get ;;
        *) fail "this is ${system}, and the script supports CentOS 7, EL 8 and 9, Debian and Ubuntu: install by hand" ;;
    esac
}

is_installed() {
    case $family in
        el) rpm -q "$1" >/dev/null 2>&1 ;;
        debian) dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed ;;
    esac
}

# Installs packages of the distribution, or of a repository that the machine knows.
want_packages() {
    local package missing=()
    for package in "$@"; do is_installed "$package" || missing+=("$package"); done
    if [ ${#missing[@]} -gt 0 ]; then change "$installer" install -y "${missing[@]}"; fi
}

# Installs flocker-lite: sub-packages of the RPM, or by pip into the directory where the RPM puts it.
want_flocker() {
    local package=$1 name packages=()
    if [ "$family" = debian ]; then
        want_packages python3-venv
        [ -x "$root/opt/flocker-lite/bin/flocker-agent" ] || {
            change python3 -m venv "$root/opt/flocker-lite"
            change "$root/opt/flocker-lite/bin/pip" install "${package_source:-flocker-lite}"
        }
        for name in flocker-agent flocker-control flocker-ca flocker-lite-receive; do
            [ -L "$root/usr/bin/$name" ] || change ln -s "/opt/flocker-lite/bin/$name" "$root/usr/bin/$name"
        done
        return
    fi
    if [ -n "$package_source" ]; then
        for name in flocker-lite flocker-lite-cli "$package"; do
            is_installed "$name" || packages+=("$(rpm_file "$name")")
        done
        if [ ${#packages[@]} -gt 0 ]; then change "$installer" install -y "${packages[@]}"; fi
    else
        want_packages flocker-lite-cli "$package"
    fi
}

# Prints the path of a package in the directory that --packages names.
rpm_file() {
    local found=("$package_source/$1"-[0-9]*.rpm)
    if [ ${#found[@]} != 1 ] || [ ! -f "${found[0]}" ]; then
        fail "$package_source should have one $1-VERSION.rpm"
    fi
    echo "${found[0]}"
}

# Installs a service's unit, others that belong to it and its settings. The RPM has them in place, pip leaves them
# below share/.
want_unit() {
    local unit=$1 file changed=no share=$root/opt/flocker-lite/share/flocker-lite
    [ "$family" = debian ] || return 0
    if [ ! -d "$share" ]; then
        say "the unit $unit comes with the package"
        return 0
    fi
    for file in "$unit.service" "${@:2}"; do
        write "/etc/systemd/system/$file" <"$share/systemd/$file"
        if [ "$written" = yes ]; then changed=yes; fi
    done
    if [ $changed = yes ]; then change systemctl daemon-reload; fi
    if [ ! -f "$root/etc/sysconfig/$unit" ]; then write "/etc/sysconfig/$unit" <"$share/sysconfig/$unit"; fi
}

# Starts a service now and at each boot; `restart` when its settings have changed.
want_service() {
    local service=$1 how=${2:-}
    systemctl is-enabled --quiet "$service" 2>/dev/null || change systemctl enable "$service"
    if ! systemctl is-active --quiet "$service"; then
        change systemctl start "$service"
    elif [ "$how" = restart ]; then
        change systemctl restart "$service"
    fi
}

# Opens services in firewalld, where that runs.
want_open() {
    local service opened=no
    command -v firewall-cmd >/dev/null && firewall-cmd --quiet --state || return 0
    for service in "$@"; do
        firewall-cmd --quiet --permanent --query-service="$service" && continue
        change firewall-cmd --permanent --add-service="$service"
        opened=yes
    done
    if [ "$opened" = yes ]; then change firewall-cmd --reload; fi
}

has_selinux() { command -v getenforce >/dev/null && [ "$(getenforce)" != Disabled ]; }

finish() {
    if [ "$changes" = 0 ]; then
        say "nothing to change"
    elif [ "$dry_run" = yes ]; then
        say "$changes changes, and none of them made"
    else
        say "done"
    fi
    if [ ${#troubles[@]} = 0 ]; then return; fi
    printf "$program: but %s\n" "${troubles[@]}" >&2
    exit 1
}
