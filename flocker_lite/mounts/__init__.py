"""What the kernel says of mounts and of who uses them, and directories to mount at."""
