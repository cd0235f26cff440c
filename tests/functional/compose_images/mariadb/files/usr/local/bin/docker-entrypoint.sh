#!/bin/sh
# First process of the image: makes the database on the first start, then becomes the server as the user mysql.
#
# As in the real image, MARIADB_RANDOM_ROOT_PASSWORD (or MARIADB_ROOT_PASSWORD) is needed on the first start;
# MARIADB_DATABASE, MARIADB_USER and MARIADB_PASSWORD make a database and its owner.
set -eu

case "${1:-}" in
    -*) set -- mariadbd "$@" ;;
esac
if [ "$1" = mariadbd ] && [ "$(id -u)" = 0 ]; then
    find /var/lib/mysql /run/mysqld ! -user mysql -exec chown mysql:mysql '{}' +
    exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$0" "$@"
fi

make_database() {
    if [ -z "${MARIADB_ROOT_PASSWORD:-}${MARIADB_RANDOM_ROOT_PASSWORD:-}" ]; then
        echo "set MARIADB_ROOT_PASSWORD or MARIADB_RANDOM_ROOT_PASSWORD for the first start" >&2
        exit 1
    fi
    root_password=${MARIADB_ROOT_PASSWORD:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
    mariadb-install-db --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db \
        --skip-name-resolve >/dev/null
    {
        echo "FLUSH PRIVILEGES;"
        # healthcheck.sh comes as this user, which may do nothing.
        echo "CREATE USER healthcheck@localhost IDENTIFIED VIA mysql_native_password USING '';"
        if [ -n "${MARIADB_DATABASE:-}" ]; then echo "CREATE DATABASE \`$MARIADB_DATABASE\`;"; fi
        if [ -n "${MARIADB_USER:-}" ]; then
            echo "CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';"
            echo "GRANT ALL ON \`${MARIADB_DATABASE:-%}\`.* TO '$MARIADB_USER'@'%';"
        fi
        echo "ALTER USER root@localhost IDENTIFIED BY '$root_password';"
    } | mariadbd --datadir=/var/lib/mysql --bootstrap
}

if [ "$1" = mariadbd ] && [ ! -d /var/lib/mysql/mysql ]; then make_database; fi
exec "$@" --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0
