#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool tree_adopt_orphans(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 || getpid() == 1;
}

pid_t tree_reap_one(int *status)
{
    pid_t ended;
    do
        ended = waitpid(-1, status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    return ended;
}

struct tree_reaped tree_reap(pid_t command, pid_t companion)
{
    struct tree_reaped reaped = {.command_ended = false};
    for (;;) {
        int status = 0;
        pid_t ended = tree_reap_one(&status);
        reaped.children_left = ended == 0;
        if (ended <= 0)
            return reaped;
        if (ended == command) {
            reaped.command_ended = true;
            reaped.status = status;
        } else if (ended == companion) {
            reaped.companion_ended = true;
            reaped.companion_status = status;
        }
    }
}

/* /proc may show the numbers of another pid namespace: only the kernel knows whether this one is ours. */
static bool is_child(pid_t process)
{
    siginfo_t ignored;
    return waitid(P_PID, (id_t)process, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0;
}

struct numbers {
    pid_t current;
    bool in_number;
    int killed;
};

static void take_byte(struct numbers *numbers, char byte)
{
    if (byte >= '0' && byte <= '9') {
        numbers->current = numbers->current * 10 + (byte - '0');
        numbers->in_number = true;
        return;
    }
    if (numbers->in_number && is_child(numbers->current)) {
        (void)kill(numbers->current, SIGKILL);
        numbers->killed++;
    }
    numbers->current = 0;
    numbers->in_number = false;
}

/* How many were killed. The list does not shift while it is read: only our own reaping shortens it. */
static int kill_listed_children(void)
{
    struct numbers numbers = {.current = 0};
    char bytes[512];
    ssize_t length;
    int list = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (list < 0)
        return 0;
    while ((length = read(list, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0; at < length; at++)
            take_byte(&numbers, bytes[at]);
    take_byte(&numbers, '\n');
    (void)close(list); /* only read from */
    return numbers.killed;
}

void tree_kill(pid_t group)
{
    if (kill_listed_children() == 0)
        (void)kill(getpid() == 1 ? -1 : -group, SIGKILL);
}

bool tree_has_group(pid_t group)
{
    return kill(-group, 0) == 0 || errno != ESRCH;
}
