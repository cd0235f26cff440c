#!/bin/sh
# As the real image's: --connect wants a server that answers by TCP, --innodb_initialized one that has its tables.
set -eu
ask() { mariadb --protocol=tcp --host=127.0.0.1 --user=healthcheck --skip-column-names --execute "$1"; }
for check in "$@"; do
    case $check in
        --connect) ask "SELECT 1" >/dev/null ;;
        --innodb_initialized)
            [ "$(ask "SELECT 1 FROM information_schema.ENGINES WHERE engine='innodb' AND support IN ('YES','DEFAULT')")" = 1 ] ;;
        *) echo "unknown check $check" >&2; exit 1 ;;
    esac
done
