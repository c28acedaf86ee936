#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Blocked, these would end us without a word (and without a sanitizer's report). */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

static sigset_t blocked(void)
{
    sigset_t set;
    /* None of these calls can fail for a set and numbers that exist. */
    (void)sigfillset(&set);
    for (size_t at = 0; at < sizeof faults / sizeof *faults; at++)
        (void)sigdelset(&set, faults[at]);
    return set;
}

int signals_open(void)
{
    sigset_t set = blocked();
    /* A parent may have left SIGCHLD ignored: the kernel would then reap, and keep the exit codes from us. */
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    if (sigaction(SIGCHLD, &by_default, NULL) != 0 || sigprocmask(SIG_SETMASK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signals_next(int descriptor)
{
    struct signalfd_siginfo arrived;
    ssize_t length;
    do
        length = read(descriptor, &arrived, sizeof arrived);
    while (length < 0 && errno == EINTR);
    return length == sizeof arrived ? (int)arrived.ssi_signo : 0;
}

bool signals_are_forwarded(int number)
{
    switch (number) {
    case SIGCHLD:
    case SIGPIPE: /* these two: of our own writing to standard error */
    case SIGXFSZ:
    case SIGTTIN: /* these two: of our own use of the terminal */
    case SIGTTOU:
        return false;
    default:
        return true;
    }
}

void signals_by_default(void)
{
    /*
     * Past the C library, which lets nobody at two signals of its own: whoever started us (make does) may
     * have left them ignored. All zero means SIG_DFL without flags in what the kernel takes.
     */
    static const uint64_t by_default[4] = {0};
    for (int number = 1; number < NSIG; number++) /* fails for SIGKILL and SIGSTOP, which are as they should be */
        (void)syscall(SYS_rt_sigaction, number, by_default, NULL, sizeof(uint64_t));
}

void signals_unblock(void)
{
    /* Past the C library, for the same two signals. */
    static const uint64_t none = 0;
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none); /* cannot fail with that size */
}

void signals_block(void)
{
    sigset_t set = blocked();
    (void)sigprocmask(SIG_SETMASK, &set, NULL); /* cannot fail with a set that exists */
}

const char *signals_name(int number)
{
    static char numbered[sizeof "signal -2147483648"];
    switch (number) {
#define NAME(signal) \
    case signal:     \
        return #signal;
        NAME(SIGHUP)
        NAME(SIGINT)
        NAME(SIGQUIT)
        NAME(SIGILL)
        NAME(SIGTRAP)
        NAME(SIGABRT)
        NAME(SIGBUS)
        NAME(SIGFPE)
        NAME(SIGKILL)
        NAME(SIGUSR1)
        NAME(SIGSEGV)
        NAME(SIGUSR2)
        NAME(SIGPIPE)
        NAME(SIGALRM)
        NAME(SIGTERM)
        NAME(SIGCONT)
        NAME(SIGTSTP)
        NAME(SIGWINCH)
        NAME(SIGXCPU)
        NAME(SIGXFSZ)
        NAME(SIGSYS)
#undef NAME
    default:
        (void)snprintf(numbered, sizeof numbered, "signal %d", number);
        return numbered;
    }
}
