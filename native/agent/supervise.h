/*
 * Keeping one command running, and nothing else below us.
 *
 *                    ends                     all gone, a restart is due
 *   start ──► RUNNING ──────────────► CLEARING ──────► WAITING ──► start
 *                │ SIGTERM              ▲    │ all gone, no restart
 *                ▼    group gone, or    │    ▼
 *             STOPPING ─────────────────┘   DONE
 *                       grace is over
 *
 * Every wake-up reads the signals, reaps, and then looks at the whole state anew; so the order of events
 * within one wake-up does not matter, and a lost one is made good by the next.
 */
#ifndef ALCOVE_SUPERVISE_H
#define ALCOVE_SUPERVISE_H

#include "companion.h"

#include <stdbool.h>
#include <stdint.h>

enum supervise_restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

struct supervise_settings {
    char *const *command; /* ends with a null pointer; at least one element */
    enum supervise_restart restart;
    int64_t backoff_initial_ms; /* at least 1 */
    int64_t backoff_max_ms;     /* at least backoff_initial_ms */
    int64_t recovery_ms;        /* a run that long makes the back-off begin anew; at least a second */
    int64_t grace_ms;
    struct companion companion;
};

struct supervised {
    int code;
    bool companion_is_done; /* and nobody else asked for the end */
};

/*
 * Gives the exit code of the command, 128 + n when signal n ended it, once it is neither running nor to
 * be restarted; a code of command.h when it did not start the first time or we cannot supervise.
 *
 *  - When the command ends, what it left behind is killed: its end is the end of its tree.
 *  - SIGTERM is passed on to its process group, which then has grace_ms before all are killed; no restart.
 *  - SIGINT and SIGQUIT are passed on; a command that ends within grace_ms of one was asked to: no restart.
 *  - Other signals are passed on to the group.
 *  - The companion starts after the command, and is killed when that ends. One that ends with code 0 is done:
 *    then the command is ended as by SIGTERM. One that ends otherwise is started again.
 */
struct supervised supervise(const struct supervise_settings *settings);

#endif
