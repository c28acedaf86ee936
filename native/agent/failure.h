/* Why something that a hub asked for was not done. */
#ifndef ALCOVE_FAILURE_H
#define ALCOVE_FAILURE_H

#include <limits.h>
#include <stdbool.h>

struct failure {
    char path[PATH_MAX]; /* as it was named; empty when no single one is to blame */
    char reason[128];
    bool partly; /* of a batch: changes before this one were made */
};

/* These give false, for whoever passes it on. Text that is too long is cut. */
bool failure_set(struct failure *failure, const char *path, const char *reason);
bool failure_errno(struct failure *failure, const char *path);

#endif
