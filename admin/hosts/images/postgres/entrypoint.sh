#!/bin/sh
# The first process of the image. It makes a database on the first start, and becomes the server as the user postgres.
#
# The first start needs POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust. POSTGRES_USER and POSTGRES_DB
# name the superuser and a database. There are no initialisation scripts.
set -eu

case "${1:-}" in
    -*) set -- postgres "$@" ;;
esac

become_postgres() {
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" ! -user postgres -exec chown postgres:postgres '{}' +
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
}

make_database() {
    user=${POSTGRES_USER:-postgres}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust, for the first start" >&2
        exit 1
    fi
    password_file=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-}" >"$password_file"
    if [ -s "$password_file" ] && [ -n "${POSTGRES_PASSWORD:-}" ]; then
        set -- --pwfile="$password_file"
    else
        set --
    fi
    initdb --pgdata="$PGDATA" --username="$user" --auth-local=trust --encoding=UTF8 "$@"
    rm -f "$password_file"
    printf 'host all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
    database=${POSTGRES_DB:-$user}
    if [ "$database" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single -j -D "$PGDATA" postgres
    fi
}

if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then become_postgres "$@"; fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then make_database; fi
fi
exec "$@"
