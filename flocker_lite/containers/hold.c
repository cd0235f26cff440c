/*
 * Waits until the agent lets the container go, then becomes the container's own program.
 *
 * It is the init program, or the entrypoint, of containers that have data. It opens a named pipe
 * for reading, which blocks until the agent opens the other end. It is static and without any
 * library, since an image may have none.
 */

#if defined(__x86_64__)
enum { SYS_WRITE = 1, SYS_CLOSE = 3, SYS_EXECVE = 59, SYS_EXIT = 60, SYS_OPENAT = 257 };
enum { SYS_GETCWD = 79, SYS_CHDIR = 80, SYS_PRCTL = 157 };

static long system_call(long number, long a, long b, long c)
{
    long result;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall hold\n\thlt\n");
#elif defined(__aarch64__)
enum { SYS_WRITE = 64, SYS_CLOSE = 57, SYS_EXECVE = 221, SYS_EXIT = 93, SYS_OPENAT = 56 };
enum { SYS_GETCWD = 17, SYS_CHDIR = 49, SYS_PRCTL = 167 };

static long system_call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl hold\n");
#else
#error "no system calls are known for this processor"
#endif

enum { AT_FDCWD = -100, O_RDONLY_CLOEXEC = 02000000, EINTR = 4, ENOENT = 2, EACCES = 13 };
enum { PR_SET_NAME = 15 };
enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, PATH_BYTES_MAX = 4096 };

static const char NAME[] = "hold";
static const char GATE[] = "/.flocker-lite/gate";
static const char PATH_DEFAULT[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static char candidate[PATH_BYTES_MAX];
static char directory[PATH_BYTES_MAX];

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
    long result = has_slash(arguments[0])
                      ? system_call(SYS_EXECVE, (long)arguments[0], (long)arguments, (long)environment)
                      : execute_from_path(arguments[0], arguments, environment);
    if (result == -ENOENT)
        LEAVE(NOT_FOUND, "flocker-lite-hold: the image's program is not there\n");
    LEAVE(NOT_EXECUTABLE, "flocker-lite-hold: the image's program cannot be executed\n");
}
