#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST = STDERR_FILENO + 1, LAST_TRIED = 65535 };

static void close_from_first(void)
{
    if (syscall(SYS_close_range, FIRST, UINT_MAX, 0) == 0)
        return;
    /* Before Linux 5.9, or under a filter that does not know it. The limit may be a thousand million. */
    long limit = sysconf(_SC_OPEN_MAX);
    for (int descriptor = FIRST; descriptor <= LAST_TRIED && descriptor < limit; descriptor++)
        (void)close(descriptor); /* most are not open */
}

bool descriptors_seal(void)
{
    for (int descriptor = STDIN_FILENO; descriptor < FIRST; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0)
            continue;
        /* "/" exists in an empty root too. The lowest free number is this one: those below are taken. */
        if (errno != EBADF || open("/", O_PATH | O_CLOEXEC) != descriptor)
            return false;
    }
    close_from_first();
    return true;
}
