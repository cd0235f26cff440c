/* Runs a program as on Linux 3.10: every system call that came later is answered with ENOSYS. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* finit_module, of 3.8, is the last that 3.10 has on x86-64; those from x32 on have a bit set. */
#define LATER 314
#define X32 0x40000000

int main(int count, char **words)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, LATER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};
    if (count < 2) {
        fprintf(stderr, "usage: old-kernel PROGRAM ...\n");
        return 2;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
        perror("old-kernel: the kernel takes no filter");
        return 125;
    }
    execvp(words[1], words + 1);
    perror(words[1]);
    return 127;
}
