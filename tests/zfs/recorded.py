"""What `zfs` really printed: zfs-fuse 0.7.0 and OpenZFS 2.1.11, for the same commands."""

from __future__ import annotations

ID = "aaaaaaaa-1111-4111-8111-111111111111"
OTHER_ID = "22222222-2222-4222-8222-222222222222"
ROOT = "tank/flocker-lite"
NAME = f"{ROOT}/{ID}"

FACTS = f"""\
{ROOT}\tflocker:lease\t-\t-
{ROOT}\ttype\tfilesystem\t-
{ROOT}\tmounted\tno\t-
{ROOT}\trefquota\t0\tdefault
{ROOT}\tused\t49664\t-
{ROOT}\tguid\t13179970132396251052\t-
{ROOT}\tcreatetxg\t6\t-
{NAME}\tflocker:lease\tprimary:1\tlocal
{NAME}\ttype\tfilesystem\t-
{NAME}\tmounted\tyes\t-
{NAME}\trefquota\t1000000\tlocal
{NAME}\tused\t24576\t-
{NAME}\tguid\t13098029826138923552\t-
{NAME}\tcreatetxg\t8\t-
{NAME}@b\tflocker:lease\tprimary:1\tinherited from {NAME}
{NAME}@b\ttype\tsnapshot\t-
{NAME}@b\tmounted\t-\t-
{NAME}@b\trefquota\t-\t-
{NAME}@b\tused\t0\t-
{NAME}@b\tguid\t7258280655409790652\t-
{NAME}@b\tcreatetxg\t13\t-
{NAME}@a\tflocker:lease\tprimary:1\tinherited from {NAME}
{NAME}@a\ttype\tsnapshot\t-
{NAME}@a\tmounted\t-\t-
{NAME}@a\trefquota\t-\t-
{NAME}@a\tused\t0\t-
{NAME}@a\tguid\t14114374448230372258\t-
{NAME}@a\tcreatetxg\t9\t-
"""
"""The same on both, but for the numbers."""

RECEIVED_FACTS = f"""\
{NAME}\tflocker:lease\t-\t-
{NAME}\ttype\tfilesystem\t-
{NAME}\tmounted\tno\t-
{NAME}\trefquota\t0\tdefault
{NAME}\tused\t24576\t-
{NAME}\tguid\t9136944649852681221\t-
{NAME}\tcreatetxg\t40\t-
{NAME}@a\tflocker:lease\t-\t-
{NAME}@a\ttype\tsnapshot\t-
{NAME}@a\tmounted\t-\t-
{NAME}@a\trefquota\t-\t-
{NAME}@a\tused\t0\t-
{NAME}@a\tguid\t18222174169171491256\t-
{NAME}@a\tcreatetxg\t44\t-
"""

NOT_FOUND = (
    # Both.
    f"cannot open '{NAME}': dataset does not exist",
    "cannot create 'tank2/flocker-lite': no such pool 'tank2'",
    # zfs-fuse.
    f"cannot hold '{NAME}@no': dataset does not exist",
    f"cannot release 't' from '{NAME}@no': dataset does not exist",
    f"warning: cannot send '{NAME}@a': incremental source (@no) does not exist",
    f"WARNING: could not send {NAME}@no: does not exist",
    # OpenZFS.
    f"cannot hold snapshot '{NAME}@no': dataset does not exist",
    "could not find any snapshots to destroy; check snapshot names.",
    f"cannot receive incremental stream: destination '{NAME}' does not exist",
)

CONFLICT = (
    # Both.
    f"cannot create '{NAME}': dataset already exists",
    f"cannot create snapshot '{NAME}@a': dataset already exists",
    f"cannot rename '{NAME}': dataset already exists",
    f"cannot receive new filesystem stream: destination '{NAME}' exists\n"
    "must specify -F to overwrite it",
    f"cannot receive incremental stream: most recent snapshot of {NAME} does not\n"
    "match incremental source",
    f"cannot receive incremental stream: destination {NAME} has been modified\n"
    "since most recent snapshot",
)

BUSY = (
    # zfs-fuse.
    "umount: /flocker/x: target is busy.\n"
    "cannot unmount '/flocker/x': umount failed: umount child process failed",
    f"cannot destroy '{NAME}@a': dataset is busy",
    "cannot receive incremental stream: dataset is busy",
    # OpenZFS.
    "cannot unmount '/flocker/x': pool or dataset is busy",
    f"cannot destroy snapshot {NAME}@a: dataset is busy",
)

# Of streams that were cut and are to go on: OpenZFS alone.
TOKEN = "1-aa66c15a0-b0-789c636064000310a500c4ec50360710e72765a52697303030419460caa7a515a79680"
STALE = (
    "cannot resume send: 's/v@two' used in the initial send no longer exists",
    "cannot resume send: 's/v@two' is no longer the same snapshot used in the initial send",
    "cannot resume send: resume token is corrupt (incorrect checksum)",
    "cannot receive resume stream: kernel modules must be upgraded to receive this stream.",
    f"cannot receive incremental stream: destination {NAME} contains partially-complete state "
    'from "zfs receive -s".',
)

READER_GONE = (f"warning: cannot send '{NAME}@a': Broken pipe",)

SUSPENDED = (
    # Both.
    f"cannot open '{NAME}': pool I/O is currently suspended",
    f"cannot create '{NAME}': pool I/O is currently suspended",
)

READ_ONLY = (
    # OpenZFS; zfs-fuse does not import a pool so.
    "cannot create snapshots : pool is read-only",
    f"cannot set property for '{NAME}': pool is read-only",
    "cannot receive new filesystem stream: pool is read-only",
    "cannot hold: pool is read-only",
)

NOTHING_IN_PARTICULAR = (
    # Both.
    "cannot receive: failed to read from stream",
    "cannot receive new filesystem stream: out of space",
    f"cannot create '{NAME}': out of space",
    f"cannot set property for '{NAME}': size is less than current used or reserved space",
    f"cannot mount '{NAME}': filesystem already mounted",
    f"cannot unmount '{NAME}': not currently mounted",
    # zfs-fuse.
    "cannot receive incremental stream: invalid backup stream",
    "invalid option 'n'\nusage:\n\tsend [-RDp] [-[iI] snapshot] <snapshot>",
    # OpenZFS.
    "cannot receive new filesystem stream: incomplete stream",
)

ESTIMATES = (
    # OpenZFS alone can tell.
    (f"full\t{NAME}@c\t13424\nsize\t13424\n", 13424),
    (f"incremental\t{NAME}@a\t{NAME}@c\t624\nsize\t624\n", 624),
)

MOUNTINFO_ZFS_FUSE = f"""\
170 28 0:58 / /flocker rw,relatime - fuse.zfs tank rw,user_id=0,group_id=0,allow_other
171 170 0:59 / /flocker/x rw,relatime - fuse.zfs {NAME} rw,user_id=0,group_id=0,default_permissions
"""

MOUNTINFO_OPENZFS = f"""\
33 23 0:27 / /flocker/fill rw - zfs tank/fill rw,xattr,noacl
34 23 0:28 / /flocker/x rw shared:7 - zfs {NAME} rw,xattr,noacl
"""
