#include "failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool failure_set(struct failure *failure, const char *path, const char *reason)
{
    failure->partly = false;
    if (snprintf(failure->path, sizeof failure->path, "%s", path) < 0)
        *failure->path = '\0';
    if (snprintf(failure->reason, sizeof failure->reason, "%s", reason) < 0)
        *failure->reason = '\0';
    return false;
}

bool failure_errno(struct failure *failure, const char *path)
{
    return failure_set(failure, path, strerror(errno));
}
