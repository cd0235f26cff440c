# Run in the root of the image that is being built: PHP, and WordPress where the entrypoint copies it from.
set -eu
apt-get install -q -y --no-install-recommends php-cli php-mysql php-xml
cd /tmp
# All that it depends on would bring graphics and a MariaDB.
apt-get download -q wordpress wordpress-theme-twentytwentythree php-getid3
for package in ./*.deb; do dpkg-deb -x "$package" unpacked; done
# Links to what is not here.
rm -rf unpacked/usr/share/wordpress/.htaccess unpacked/usr/share/wordpress/wp-includes/js/crop
find unpacked/usr/share/wordpress -xtype l -delete
mkdir -p /usr/src
cp -rL unpacked/usr/share/wordpress /usr/src/wordpress
rm -rf unpacked ./*.deb
