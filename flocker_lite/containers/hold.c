/*
 * Waits until the agent lets the container go, then becomes the container's own program; or, where
 * an init is asked for, the parent of that program, which passes signals on and reaps the others.
 *
 * It is the init program, or the entrypoint, of containers that have data. It opens a named pipe
 * for reading, which blocks until the agent opens the other end. It is static and without any
 * library, since an image may have none.
 */

#if defined(__x86_64__)
enum { SYS_WRITE = 1, SYS_CLOSE = 3, SYS_EXECVE = 59, SYS_EXIT = 60, SYS_OPENAT = 257 };
enum { SYS_GETCWD = 79, SYS_CHDIR = 80, SYS_PRCTL = 157, SYS_CLONE = 56, SYS_WAIT4 = 61 };
enum { SYS_SIGPROCMASK = 14, SYS_SIGTIMEDWAIT = 128, SYS_KILL = 62, SYS_SETPGID = 109 };
enum { SYS_GETPID = 39, SYS_IOCTL = 16 };

static long system_call4(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall hold\n\thlt\n");
#elif defined(__aarch64__)
enum { SYS_WRITE = 64, SYS_CLOSE = 57, SYS_EXECVE = 221, SYS_EXIT = 93, SYS_OPENAT = 56 };
enum { SYS_GETCWD = 17, SYS_CHDIR = 49, SYS_PRCTL = 167, SYS_CLONE = 220, SYS_WAIT4 = 260 };
enum { SYS_SIGPROCMASK = 135, SYS_SIGTIMEDWAIT = 137, SYS_KILL = 129, SYS_SETPGID = 154 };
enum { SYS_GETPID = 172, SYS_IOCTL = 29 };

static long system_call4(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl hold\n");
#else
#error "no system calls are known for this processor"
#endif

enum { AT_FDCWD = -100, O_RDONLY_CLOEXEC = 02000000, EINTR = 4, ENOENT = 2, EACCES = 13 };
enum { PR_SET_NAME = 15, SIG_BLOCK = 0, SIG_SETMASK = 2, SIGNAL_SET_BYTES = 8, WNOHANG = 1 };
enum { SIGCHLD = 17, SIGTTIN = 21, SIGTTOU = 22, KILLED_BASE = 128, TIOCSPGRP = 0x5410 };
enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, PATH_BYTES_MAX = 4096 };

static const char NAME[] = "hold";
static const char NAME_OF_INIT[] = "init";
static const char GATE[] = "/.flocker-lite/gate";
static const char ASKED_FOR_INIT[] = "/.flocker-lite/init";
static const unsigned long ALL_SIGNALS = ~0UL;
static const char PATH_DEFAULT[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static char candidate[PATH_BYTES_MAX];
static char directory[PATH_BYTES_MAX];

static long system_call(long number, long a, long b, long c)
{
    return system_call4(number, a, b, c, 0);
}

static void leave(int code, const char *words, long length)
{
    system_call(SYS_WRITE, 2, (long)words, length);
    for (;;)
        system_call(SYS_EXIT, code, 0, 0);
}

#define LEAVE(code, words) leave(code, words, sizeof(words) - 1)

static const char *search_path(char **environment)
{
    for (; *environment; environment++) {
        const char *entry = *environment;
        if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=')
            return entry + 5;
    }
    return PATH_DEFAULT;
}

static int has_slash(const char *name)
{
    for (; *name; name++)
        if (*name == '/')
            return 1;
    return 0;
}

/* The result of the last attempt that found something, or that of the last one. */
static long execute_from_path(const char *name, char **arguments, char **environment)
{
    long worst = -ENOENT;
    const char *path = search_path(environment);
    while (*path) {
        int length = 0;
        while (*path && *path != ':' && length < PATH_BYTES_MAX - 2)
            candidate[length++] = *path++;
        if (length == 0)
            candidate[length++] = '.';
        candidate[length++] = '/';
        for (const char *letter = name; *letter && length < PATH_BYTES_MAX - 1; letter++)
            candidate[length++] = *letter;
        candidate[length] = 0;
        long result = system_call(SYS_EXECVE, (long)candidate, (long)arguments, (long)environment);
        if (result == -EACCES)
            worst = result;
        while (*path == ':')
            path++;
    }
    return worst;
}

/* Ends with the container's program, which is `child`, and as that ended. */
static void look_after(long child)
{
    for (;;) {
        int status;
        long ended;
        long heard = system_call4(SYS_SIGTIMEDWAIT, (long)&ALL_SIGNALS, 0, 0, SIGNAL_SET_BYTES);
        if (heard > 0 && heard != SIGCHLD && heard != SIGTTIN && heard != SIGTTOU)
            system_call(SYS_KILL, child, heard, 0);
        while ((ended = system_call(SYS_WAIT4, -1, (long)&status, WNOHANG)) > 0)
            if (ended == child)
                leave(status & 0x7f ? KILLED_BASE + (status & 0x7f) : status >> 8 & 0xff, "", 0);
    }
}

/* Goes on as the program's process, with its parent as the init. */
static void fork_below_init(void)
{
    unsigned long before;
    int own;
    system_call(SYS_PRCTL, PR_SET_NAME, (long)NAME_OF_INIT, 0);
    /* What is blocked waits to be heard, in the first process of a container too. */
    system_call4(SYS_SIGPROCMASK, SIG_BLOCK, (long)&ALL_SIGNALS, (long)&before, SIGNAL_SET_BYTES);
    long child = system_call(SYS_CLONE, SIGCHLD, 0, 0);
    if (child < 0)
        LEAVE(NOT_EXECUTABLE, "flocker-lite-hold: no process can be made\n");
    if (child > 0)
        look_after(child);
    /* A terminal, where there is one, is the program's. */
    own = (int)system_call(SYS_GETPID, 0, 0, 0);
    system_call(SYS_SETPGID, 0, 0, 0);
    system_call(SYS_IOCTL, 0, TIOCSPGRP, (long)&own);
    system_call4(SYS_SIGPROCMASK, SIG_SETMASK, (long)&before, 0, SIGNAL_SET_BYTES);
}

__attribute__((used)) void hold(long *stack)
{
    long count = stack[0];
    char **arguments = (char **)(stack + 1);
    char **environment = arguments + count + 1;
    long gate;
    arguments++;
    /* Docker calls it as an init program: the rest of the line comes after two dashes. */
    if (count > 1 && arguments[0][0] == '-' && arguments[0][1] == '-' && !arguments[0][2]) {
        arguments++;
        count--;
    }
    system_call(SYS_PRCTL, PR_SET_NAME, (long)NAME, 0);
    if (count < 2)
        LEAVE(NOT_FOUND, "flocker-lite-hold: no program to become\n");
    do
        gate = system_call(SYS_OPENAT, AT_FDCWD, (long)GATE, O_RDONLY_CLOEXEC);
    while (gate == -EINTR);
    if (gate < 0)
        LEAVE(NOT_EXECUTABLE, "flocker-lite-hold: the gate is not there\n");
    system_call(SYS_CLOSE, gate, 0, 0);
    /* A dataset that was mounted over the working directory meanwhile covers it: go there anew. */
    if (system_call(SYS_GETCWD, (long)directory, PATH_BYTES_MAX, 0) < 0 || directory[0] != '/' ||
        system_call(SYS_CHDIR, (long)directory, 0, 0) < 0)
        LEAVE(NOT_EXECUTABLE, "flocker-lite-hold: the working directory cannot be entered\n");
    long init = system_call(SYS_OPENAT, AT_FDCWD, (long)ASKED_FOR_INIT, O_RDONLY_CLOEXEC);
    if (init >= 0) {
        system_call(SYS_CLOSE, init, 0, 0);
        fork_below_init();
    }
    long result = has_slash(arguments[0])
                      ? system_call(SYS_EXECVE, (long)arguments[0], (long)arguments, (long)environment)
                      : execute_from_path(arguments[0], arguments, environment);
    if (result == -ENOENT)
        LEAVE(NOT_FOUND, "flocker-lite-hold: the image's program is not there\n");
    LEAVE(NOT_EXECUTABLE, "flocker-lite-hold: the image's program cannot be executed\n");
}
