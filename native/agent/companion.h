/* A function of ours in a process of its own, beside the command. */
#ifndef ALCOVE_COMPANION_H
#define ALCOVE_COMPANION_H

#include <sys/types.h>

struct companion {
    int (*run)(const void *settings); /* null when there is none. What it returns becomes its exit code. */
    const void *settings;
};

/*
 * Starts it; it ends with us at the latest, and no signal that can be blocked ends it before. Gives its
 * process, or 0 when there is none; the reason has been logged.
 */
pid_t companion_start(const struct companion *companion);

#endif
