#!/bin/sh
# First process of the image, as in the real one: gives the broker its files if it may, then becomes the broker.
set -eu
if [ "$(id -u)" = 0 ]; then chown -R 1883:1883 /mosquitto/data; fi
exec "$@"
