/* Preloaded, it says that the kernel is that of CentOS 7: OpenSSL and the agent look at what it is called. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname *said)
{
    long code = syscall(SYS_uname, said);
    strcpy(said->release, "3.10.0-1160.el7.x86_64");
    return (int)code;
}
