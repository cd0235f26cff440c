# Run in the root of the image that is being built: Postfix and Dovecot, with a certificate that nobody trusts.
set -eu
apt-get install -q -y --no-install-recommends postfix dovecot-imapd dovecot-lmtpd iproute2 netbase ssl-cert
make-ssl-cert generate-default-snakeoil
groupadd --gid 5000 docker
useradd --uid 5000 --gid 5000 --home-dir /var/mail --no-create-home --shell /usr/sbin/nologin docker
