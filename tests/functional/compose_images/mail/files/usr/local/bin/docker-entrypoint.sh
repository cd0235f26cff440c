#!/bin/sh
# First process of the image: keeps the queue with the state, starts Postfix and Dovecot, and ends both.
#
# As in the real image, accounts are in /tmp/docker-mailserver, mail in /var/mail and the queue in
# /var/mail-state. fail2ban is not there.
set -eu
queue=/var/mail-state/spool-postfix
if [ ! -d $queue ]; then cp -a /var/spool/postfix $queue; fi
chown 5000:5000 /var/mail
postconf -e "myhostname = $(hostname -f)" "mydestination = localhost" "queue_directory = $queue" \
    "maillog_file = /dev/stdout" "inet_protocols = ipv4" "smtpd_peername_lookup = no" \
    "virtual_mailbox_domains = texthash:/etc/postfix/vhost" \
    "virtual_mailbox_maps = texthash:/etc/postfix/vmailbox" \
    "virtual_transport = lmtp:unix:private/dovecot-lmtp" \
    "smtpd_sasl_type = dovecot" "smtpd_sasl_path = private/auth" \
    "smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem" \
    "smtpd_tls_key_file = /etc/ssl/private/ssl-cert-snakeoil.key" "smtpd_tls_security_level = may"
postconf -M "submission/inet=submission inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes" \
    "submissions/inet=submissions inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes"
postconf -F '*/*/chroot = n'
write-accounts
trap 'doveadm stop; postfix stop; exit 0' TERM
dovecot -F &
postfix start-fg &
wait
