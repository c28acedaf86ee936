#include "companion.h"

#include "log.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static _Noreturn void become(const struct companion *companion, pid_t parent)
{
    /* A parent that ended before the kernel knew our wish is not our parent any more. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        _exit(1);
    _exit(companion->run(companion->settings));
}

pid_t companion_start(const struct companion *companion)
{
    pid_t parent = getpid();
    pid_t process = fork();
    if (process == 0)
        become(companion, parent);
    if (process < 0)
        log_errno("cannot start a process beside the command");
    return process > 0 ? process : 0;
}
