#!/bin/sh
# First process of the image: becomes the user rabbitmq, writes what the variables say, becomes the server.
set -eu
if [ "$1" = rabbitmq-server ] && [ "$(id -u)" = 0 ]; then
    find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq:rabbitmq '{}' +
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$0" "$@"
fi
if [ "$1" = rabbitmq-server ]; then
    {
        echo "default_user = ${RABBITMQ_DEFAULT_USER:-guest}"
        echo "default_pass = ${RABBITMQ_DEFAULT_PASS:-guest}"
        echo "loopback_users = none"
        echo "log.console = true"
    } >/etc/rabbitmq/rabbitmq.conf
fi
exec "$@"
