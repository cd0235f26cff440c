# Run in the root of the image that is being built: RabbitMQ with its management.
set -eu
apt-get install -q -y --no-install-recommends rabbitmq-server
usermod --uid 999 rabbitmq
groupmod --gid 999 rabbitmq
rm -rf /var/lib/rabbitmq
install -d -o rabbitmq -g rabbitmq /var/lib/rabbitmq /var/log/rabbitmq /etc/rabbitmq
echo '[rabbitmq_management].' >/etc/rabbitmq/enabled_plugins
chown -R rabbitmq:rabbitmq /etc/rabbitmq
