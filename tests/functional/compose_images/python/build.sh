# Run in the root of the image that is being built: what the Django shop and the stand-ins in Python need.
set -eu
apt-get install -q -y --no-install-recommends python3-django gunicorn celery python3-redis python3-psycopg2 \
    python3-paho-mqtt
ln -s /usr/bin/python3 /usr/local/bin/python
find /usr/lib/python3 -name 'django.[mp]o' -delete
rm -rf /usr/lib/python3/dist-packages/ephem /usr/lib/python3.11/lib2to3 /usr/lib/python3.11/pydoc_data
