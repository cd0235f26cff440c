# Installs nginx with its default page in the root of the image; its log is the container's.
set -eu
apt-get install -q -y --no-install-recommends nginx-light
rm -f /etc/nginx/sites-enabled/default
cat >/etc/nginx/conf.d/default.conf <<'CONF'
server {
    listen 80;
    listen [::]:80;
    root /usr/share/nginx/html;
    index index.html;
}
CONF
ln -sf /dev/stdout /var/log/nginx/access.log
ln -sf /dev/stderr /var/log/nginx/error.log
