# Run in the root of the image that is being built: the broker and its clients.
set -eu
apt-get install -q -y --no-install-recommends mosquitto mosquitto-clients
usermod --uid 1883 mosquitto
groupmod --gid 1883 mosquitto
install -d -o 1883 -g 1883 /mosquitto /mosquitto/config /mosquitto/data /mosquitto/log
